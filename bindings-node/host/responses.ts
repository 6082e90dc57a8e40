import type { ServerResponse } from 'node:http';

/** A signal that tells that a response ended, for who waits before it is begun: mostly that the client left. */
export function leaving(response: ServerResponse): AbortSignal {
  const controller = new AbortController();
  if (response.destroyed) controller.abort();
  else response.once('close', () => controller.abort());
  return controller.signal;
}

/** Tells a response's status when it is out; undefined when the client left before, be it before this is asked. */
export function ended(response: ServerResponse, tell: (status: number | undefined) => void): void {
  const told = (): void => tell(response.writableFinished ? response.statusCode : undefined);
  if (response.destroyed) told();
  else response.once('close', told);
}
