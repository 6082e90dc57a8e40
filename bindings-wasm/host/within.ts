import type { Common } from './common.js';
import { TimeoutError, type TimeoutOption } from './errors.js';

/** When something is given up, and by which option. */
export interface Limit {
  readonly by: TimeoutOption;
  /** What the option says. */
  readonly timeoutMs: number;
  /** What is left of it. */
  readonly leftMs: number;
}

/**
 * What comes of the work, unless its caller aborts or its time is over before it ends: then it rejects at once, whatever the work goes on
 * to do, and `leave` hears why.
 */
export function within<T>(
  { ticker }: Common,
  signal: AbortSignal | undefined,
  limit: Limit | undefined,
  work: () => T | PromiseLike<T>,
  leave: (reason: unknown) => void,
): Promise<T> {
  return new Promise<T>((resolve, reject) => {
    const stop = (): void => {
      signal?.removeEventListener('abort', onAbort);
      if (timer !== undefined) ticker.clear(timer);
    };
    const giveUp = (reason: unknown): void => {
      stop();
      leave(reason);
      reject(reason);
    };
    const onAbort = (): void => giveUp(signal?.reason);
    const timer =
      limit === undefined ? undefined : ticker.after(limit.leftMs, () => giveUp(new TimeoutError(limit.by, limit.timeoutMs)));
    signal?.addEventListener('abort', onAbort);
    const end =
      <V>(tell: (value: V) => void) =>
      (value: V): void => {
        stop();
        tell(value);
      };
    new Promise<T>((called) => called(work())).then(end(resolve), end(reject));
  });
}
