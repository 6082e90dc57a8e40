import type { ServerResponse } from 'node:http';

/** Tells a response's status when it is out; undefined when the client left before. */
export function ended(response: ServerResponse, tell: (status: number | undefined) => void): void {
  response.once('close', () => tell(response.writableFinished ? response.statusCode : undefined));
}
