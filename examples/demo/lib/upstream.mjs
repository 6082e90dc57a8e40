/**
 * The upstream: an HTTP server on loopback whose conduct is `phase`. It writes down each request as it arrives, with what its
 * headers say of the decision behind it, and what the hosts tell about what they did.
 */
import { createServer } from 'node:http';
import { setTimeout as sleep } from 'node:timers/promises';

import { PHASES } from './timetable.mjs';

export class Upstream {
  #server = createServer((request, response) => this.#serve(request, response));

  constructor(journal) {
    this.journal = journal;
    this.phase = 'works';
  }

  /** Listens on a free port of loopback. */
  async listen() {
    // A host that stood still for long finds its connection as it left it.
    this.#server.keepAliveTimeout = 0;
    await new Promise((resolve, reject) => this.#server.once('error', reject).listen(0, '127.0.0.1', resolve));
    this.url = `http://127.0.0.1:${this.#server.address().port}`;
  }

  close() {
    this.#server.closeAllConnections();
    return new Promise((resolve) => this.#server.close(resolve));
  }

  async #serve(request, response) {
    const host = { host: String(request.headers['x-host']), pid: Number(request.headers['x-pid']) };
    try {
      if (request.method === 'POST') await this.#record(request, response, host);
      else await this.#work(request, response, host);
    } catch (error) {
      this.journal.write({ kind: 'upstream_error', ...host, message: String(error) });
      response.destroy();
    }
  }

  async #record(request, response, host) {
    let text = '';
    for await (const chunk of request.setEncoding('utf8')) text += chunk;
    for (const line of text.split('\n')) this.journal.write({ ...JSON.parse(line), ...host });
    response.writeHead(204).end();
  }

  async #work(request, response, host) {
    const { headers } = request;
    const { permit, phase } = { permit: headers['x-permit'], phase: this.phase };
    this.journal.write({
      kind: 'call', at_us: Number(headers['x-at-us']), received_at_us: Date.now() * 1000, ...host, permit, phase,
      cost: Number(headers['x-cost']), sequence: Number(headers['x-sequence']), events: words(headers['x-events']),
    });
    const told = (status, more) => this.journal.write({ kind: 'answer', ...host, permit, phase, status, ...more });
    const { status, latencyMs: [least, most], retryAfterS } = PHASES[phase];
    const isGone = new Promise((resolve) => response.once('close', () => resolve(true)));
    // Who hangs, hangs until the other side gives up.
    if (status === 0) return isGone.then(() => told(0));
    const wait = sleep(least + Math.random() * (most - least)).then(() => false);
    if (await Promise.race([isGone, wait])) return told(0);
    told(status, retryAfterS && { retry_after_s: retryAfterS });
    response.writeHead(status, retryAfterS && { 'retry-after': String(retryAfterS) }).end(`${phase}\n`);
  }
}

function words(text = '') {
  return text.split(' ').filter((word) => word !== '');
}
