/**
 * Tells the upstream what a worker did. Every write is told before the next step, so that a process that is killed leaves at
 * most one write of each worker untold; refusals, which write nothing, wait for company.
 */
import { request, Agent } from 'node:http';

const LONGEST_UNTOLD_MS = 250;

export class Reporter {
  #agent = new Agent({ keepAlive: true, maxSockets: 1 });
  #lines = [];
  #oldestMs = 0;

  constructor({ upstream, host }, worker) {
    this.url = `${upstream}/record`;
    this.worker = worker;
    this.headers = { 'x-host': host, 'x-pid': String(process.pid) };
  }

  async tell(line) {
    if (this.#lines.length === 0) this.#oldestMs = performance.now();
    this.#lines.push(JSON.stringify(line));
    const mayWait = line.kind === 'rejected' && !line.changed && performance.now() - this.#oldestMs < LONGEST_UNTOLD_MS;
    if (!mayWait) await this.flush();
  }

  async flush() {
    if (this.#lines.length === 0) return;
    const body = this.#lines.join('\n');
    this.#lines = [];
    await new Promise((resolve, reject) => {
      const headers = { ...this.headers, 'content-length': Buffer.byteLength(body) };
      request(this.url, { method: 'POST', agent: this.#agent, headers }, (response) => response.resume().on('end', resolve))
        .on('error', reject)
        .end(body);
    });
  }
}
