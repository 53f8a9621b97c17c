import type { JsonObject } from '../core/json.ts';
import type { ToolResult } from '../core/outcome.ts';
import type { Caller } from './caller.ts';
import type { ToolDescriptor } from './tool-descriptor.ts';

/** A room that publishes tools of its own. While it is there, a workflow that takes one of their names is left out. */
export interface ToolRoom {
  readonly tools: readonly ToolDescriptor[];
  /**
   * Answers a call of one of its tools. What a model can mend is a result with `isError`; anything else rejects. `key`:
   * the idempotency key of the client, where it sent one.
   */
  call(tool: string, args: JsonObject, caller: Caller, key?: string): Promise<ToolResult>;
}

/** Where the rooms are found. */
interface Rooms {
  readonly toolRooms?: readonly ToolRoom[];
}

/** All tools of all rooms, room by room. */
export function roomTools({ toolRooms = [] }: Rooms): readonly ToolDescriptor[] {
  return toolRooms.flatMap(({ tools }) => tools);
}

/** The room that has the tool. */
export function roomOf(tool: string, { toolRooms = [] }: Rooms): ToolRoom | undefined {
  return toolRooms.find(({ tools }) => tools.some(({ name }) => name === tool));
}
