import { ProtocolErrorCode } from '@modelcontextprotocol/server';
import type { JsonObject } from '../../core/json.ts';
import { WireError } from '../errors.ts';
import { TASKS_EXTENSION } from './codec.ts';

/** The error for a request that cannot be served without capabilities that it does not declare. HTTP makes it a 400. */
export function missingCapabilities(requiredCapabilities: JsonObject): WireError {
  return new WireError(ProtocolErrorCode.MissingRequiredClientCapability, 'Missing required client capability', {
    requiredCapabilities,
  });
}

/** The same where the Tasks extension is what is missing. */
export function missingTasksCapability(): WireError {
  return missingCapabilities({ extensions: { [TASKS_EXTENSION]: {} } });
}
