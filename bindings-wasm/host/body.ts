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

/** The same body, which tells its end. It is read only as it is asked for. */
export function telling(
  body: ReadableStream<Uint8Array<ArrayBuffer>>,
  listener: BodyListener,
): ReadableStream<Uint8Array<ArrayBuffer>> {
  const reader = body.getReader();
  return new ReadableStream(
    {
      async pull(controller) {
        try {
          const { done, value } = await reader.read();
          if (!done) {
            controller.enqueue(value);
            return listener.moved?.();
          }
          await listener.done();
          controller.close();
        } catch (error) {
          await listener.broken(error);
          throw error;
        }
      },
      async cancel(reason) {
        await listener.cancelled();
        await reader.cancel(reason);
      },
    },
    { highWaterMark: 0 },
  );
}
