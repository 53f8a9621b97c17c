import type { Server } from '@modelcontextprotocol/sdk/server/index.js';
import { InitializeRequestSchema, isJSONRPCRequest } from '@modelcontextprotocol/sdk/types.js';
import { RPC } from '../errors.ts';

/**
 * Lets the server answer a malformed `initialize` with -32602 and a sentence. The SDK would call it an internal error and show
 * the insides of its validator.
 */
export function checkHandshake(server: Server): void {
  const connect = server.connect.bind(server);
  server.connect = async (transport) => {
    await connect(transport);
    const deliver = transport.onmessage;
    transport.onmessage = (message, extra) => {
      const malformed =
        'method' in message &&
        message.method === 'initialize' &&
        isJSONRPCRequest(message) &&
        !InitializeRequestSchema.safeParse(message).success;
      if (!malformed) {
        deliver?.(message, extra);
        return;
      }
      const text = 'params: protocolVersion, capabilities and clientInfo {name, version} are expected';
      transport
        .send({ jsonrpc: '2.0', id: message.id, error: { code: RPC.invalidParams, message: text } })
        .catch((error: unknown) => server.onerror?.(error instanceof Error ? error : new Error(String(error))));
    };
  };
}
