import type { JsonObject } from '../core/json.ts';
import type { ToolAnnotations } from './annotations.ts';

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
