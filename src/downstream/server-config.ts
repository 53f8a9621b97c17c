/** Which MCP generation to speak. `auto` asks the server first; the others insist. */
export type ProtocolChoice = 'auto' | '2025-11-25' | '2026-07-28';

/** What every entry of the servers file has, with defaults filled in. */
interface ServerLimits {
  readonly name: string;
  /** For each request, from the moment it is sent. */
  readonly timeoutSeconds: number;
  /** For starting (or reaching) the server, its handshake and its tool list together. */
  readonly startTimeoutSeconds: number;
  /** Calls in flight at once; the others wait their turn. */
  readonly maxConcurrent: number;
  /** The largest message accepted from the server, in bytes after decompression. */
  readonly maxResponseBytes: number;
  /** The values in one message of the server: members of objects, items of lists. */
  readonly maxResponseValues: number;
  readonly ratePerMinute?: number;
  /** Consecutive transport failures or timeouts after which calls are refused, and for how long. */
  readonly circuitBreaker?: { readonly failures: number; readonly resetSeconds: number };
  /** The operator believes the tool annotations of this server. */
  readonly trusted: boolean;
  /** Listed but not to be used. */
  readonly disabled: boolean;
  readonly protocol?: ProtocolChoice;
}

/** A server that is a child process of ours. `${NAME}` and `~` are still in place everywhere. */
export interface StdioServerConfig extends ServerLimits {
  readonly kind: 'stdio';
  readonly command: string;
  readonly args: readonly string[];
  readonly env: Readonly<Record<string, string>>;
  /** Relative to `folder`, as `command` is where it begins with a dot. */
  readonly cwd: string;
  /** The folder of the servers file. */
  readonly folder: string;
  /** A file with more variables, one `NAME=value` a line. */
  readonly envFile?: string;
}

/** A server behind a Streamable HTTP endpoint. `${NAME}` is still in place everywhere. */
export interface HttpServerConfig extends ServerLimits {
  readonly kind: 'http';
  readonly url: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly folder: string;
}

export type ServerConfig = StdioServerConfig | HttpServerConfig;

/** The servers file as read: names in the order of the file. */
export interface ServerCatalog {
  readonly file: string;
  readonly servers: ReadonlyMap<string, ServerConfig>;
}
