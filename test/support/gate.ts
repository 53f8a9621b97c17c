/** A point in a script that waits until the test lets it pass. */
export interface Gate {
  readonly passed: Promise<string | number>;
  readonly pass: (value: string | number) => void;
  /** Lets everything run that can run without time passing. */
  readonly turn: () => Promise<void>;
}

export function gate(): Gate {
  const { promise, resolve } = withResolvers();
  return {
    passed: promise,
    pass: resolve,
    turn: async () => {
      for (let n = 0; n < 5; n += 1) {
        await new Promise<void>((next) => {
          setImmediate(next);
        });
      }
    },
  };
}

function withResolvers(): { promise: Promise<string | number>; resolve: (value: string | number) => void } {
  let resolve: (value: string | number) => void = () => undefined;
  const promise = new Promise<string | number>((done) => {
    resolve = done;
  });
  return { promise, resolve };
}
