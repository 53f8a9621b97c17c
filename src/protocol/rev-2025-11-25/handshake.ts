import type { Server } from '@modelcontextprotocol/sdk/server/index.js';
import { InitializeRequestSchema, isJSONRPCRequest } from '@modelcontextprotocol/sdk/types.js';
import { isJsonObject } from '../../core/json.ts';
import { RPC } from '../errors.ts';

const MAX_CHARS = 64 * 1024;
const EXPECTED = 'params: protocolVersion, capabilities and clientInfo {name, version} are expected';

/**
 * What is wrong with a message that is a handshake by its method; `undefined` for every other one, and for one that is
 * in order.
 */
export function handshakeProblem(message: unknown): string | undefined {
  if (!isJsonObject(message) || message['method'] !== 'initialize' || !isJSONRPCRequest(message)) return undefined;
  // It is kept for as long as its session.
  if (JSON.stringify(message).length > MAX_CHARS) return `the handshake is larger than ${MAX_CHARS} characters`;
  return InitializeRequestSchema.safeParse(message).success ? undefined : EXPECTED;
}

/**
 * Lets the server answer a malformed `initialize` with -32602 and a sentence. The SDK would call it an internal error
 * and show the insides of its validator.
 */
export function checkHandshake(server: Server): void {
  const connect = server.connect.bind(server);
  server.connect = async (transport) => {
    await connect(transport);
    const deliver = transport.onmessage;
    transport.onmessage = (message, extra) => {
      const text = handshakeProblem(message);
      if (text === undefined || !('id' in message)) {
        deliver?.(message, extra);
        return;
      }
      transport
        .send({ jsonrpc: '2.0', id: message.id, error: { code: RPC.invalidParams, message: text } })
        .catch((error: unknown) => server.onerror?.(error instanceof Error ? error : new Error(String(error))));
    };
  };
}
