/** What is told of a body while it is read. */
export interface BodyListener {
  /** A part of it was read. */
  moved?(): void;
  /** It was read to its end. */
  done(): Promise<void> | void;
  /** It broke off. */
  broken(error: unknown): Promise<void> | void;
  /** Whoever read it wants no more of it. */
  cancelled(): Promise<void> | void;
}

type Bytes = Uint8Array<ArrayBuffer>;

/** The same body, which tells its end. It is read only as it is asked for, and into its reader's own memory where it could be before. */
export function telling(body: ReadableStream<Bytes>, listener: BodyListener): ReadableStream<Bytes> {
  const isOfBytes = canByob(body);
  const reader = body.getReader();
  const source = {
    async pull(controller: ReadableStreamDefaultController<Bytes> | ReadableByteStreamController): Promise<void> {
      try {
        const { done, value } = await reader.read();
        if (!done) {
          controller.enqueue(value);
          return listener.moved?.();
        }
        await listener.done();
        controller.close();
        // A reader with memory of its own gets that back, too.
        if ('byobRequest' in controller) controller.byobRequest?.respond(0);
      } catch (error) {
        await listener.broken(error);
        throw error;
      }
    },
    async cancel(reason: unknown): Promise<void> {
      await listener.cancelled();
      await reader.cancel(reason);
    },
  };
  const asked = { highWaterMark: 0 };
  return isOfBytes ? new ReadableStream({ ...source, type: 'bytes' }, asked) : new ReadableStream<Bytes>(source, asked);
}

/** Whether a body can be read into memory of its reader: what `fetch` gives can, a stream of chunks cannot. */
function canByob(body: ReadableStream<Bytes>): boolean {
  try {
    body.getReader({ mode: 'byob' }).releaseLock();
    return true;
  } catch {
    return false;
  }
}
