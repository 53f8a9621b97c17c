import type { StepContext } from '../engine/kind.ts';

/** A step's context with some members replaced; all others are those of `context`, whatever it is made of. */
export function contextOver(context: StepContext, own: Partial<StepContext>): StepContext {
  return new Proxy(context, {
    get: (target, key) => {
      if (Object.hasOwn(own, key)) return Reflect.get(own, key) as unknown;
      const value: unknown = Reflect.get(target, key, target);
      return typeof value === 'function' ? (value.bind(target) as unknown) : value;
    },
  });
}
