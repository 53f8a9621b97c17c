import type { JsonObject } from '../core/json.ts';

/** MCP's hints on a tool, all four always present: a missing hint would be read as its default by some hosts only. */
export interface ToolAnnotations {
  readonly readOnlyHint: boolean;
  readonly destructiveHint: boolean;
  readonly idempotentHint: boolean;
  readonly openWorldHint: boolean;
}

/** A tool as every generation publishes it; `taskSupport` has a place on the wire in some only. */
export interface ToolDescriptor {
  readonly name: string;
  readonly title?: string;
  readonly description: string;
  readonly inputSchema: JsonObject;
  readonly outputSchema?: JsonObject;
  readonly annotations: ToolAnnotations;
  readonly taskSupport: 'optional' | 'required' | 'forbidden';
}
