/** `/health/live` and `/health/ready`: for an orchestrator, and for people. */
import { type Server, createServer } from 'node:http';

import type { Policy } from 'stanchion';
import { probes } from 'stanchion/express';

/** Answers the probes for these parts; any framework that takes `(request, response, next)` takes the handlers as they are. */
export function healthServer(parts: Readonly<Record<string, Policy>>): Server {
  const { live, ready } = probes(parts);
  return createServer((request, response) => {
    const answer = request.url === '/health/live' ? live : request.url === '/health/ready' ? ready : undefined;
    const fail = (status: number): void => void response.writeHead(status).end();
    if (answer === undefined) return fail(404);
    answer(request, response, () => fail(500));
  });
}
