import { ProtocolErrorCode } from '@modelcontextprotocol/server';
import type { JsonObject } from '../../core/json.ts';
import { WireError } from '../errors.ts';
import { TASKS_EXTENSION } from './codec.ts';

/** The error for a request that cannot be served without capabilities that it does not declare. HTTP makes it a 400. */
export function missingCapabilities(requiredCapabilities: JsonObject, what: string, wayOut: string): WireError {
  const names = Object.keys(requiredCapabilities).join(', ');
  const message = `Missing required client capability: ${what} needs a client with ${names}. ${wayOut}`;
  return new WireError(ProtocolErrorCode.MissingRequiredClientCapability, message, { requiredCapabilities });
}

/** The same where the Tasks extension is what is missing. */
export function missingTasksCapability(tool?: string): WireError {
  const name = tool === undefined ? 'the request' : `the tool '${tool}'`;
  const wayOut = `Declare ${TASKS_EXTENSION} in the capabilities of the request, or set \`task: optional\` in the definition.`;
  return missingCapabilities({ extensions: { [TASKS_EXTENSION]: {} } }, name, wayOut);
}
