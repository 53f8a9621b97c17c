/**
 * Aborts as soon as one of `signals` does, with its reason. Unlike `AbortSignal.any` it leaves nothing behind on a
 * signal that outlives it by far, such as the one for shutdown, once `dispose` was called.
 */
export function firstAbort(...signals: readonly AbortSignal[]): { readonly signal: AbortSignal; dispose(): void } {
  const controller = new AbortController();
  const stops: (() => void)[] = [];
  for (const signal of signals) {
    if (signal.aborted) {
      controller.abort(signal.reason);
      break;
    }
    const onAbort = (): void => controller.abort(signal.reason);
    signal.addEventListener('abort', onAbort, { once: true });
    stops.push(() => signal.removeEventListener('abort', onAbort));
  }
  return { signal: controller.signal, dispose: () => stops.forEach((stop) => stop()) };
}
