/** Every event of the run: kept for the judge, and written as JSON lines. README.md lists their kinds. */
import { createWriteStream } from 'node:fs';

export class Journal {
  #file;
  #watchers = [];
  lines = [];

  constructor(path) {
    this.#file = createWriteStream(path);
  }

  /** Lines without an instant of their own are of now. */
  write(line) {
    const whole = { at_us: Date.now() * 1000, host: 'upstream', ...line };
    this.lines.push(whole);
    this.#file.write(`${JSON.stringify(whole)}\n`);
    for (const watch of this.#watchers) watch(whole);
  }

  /** Shows each line to `watch` as it comes. */
  watch(watch) {
    this.#watchers.push(watch);
  }

  close() {
    return new Promise((resolve) => this.#file.end(resolve));
  }
}
