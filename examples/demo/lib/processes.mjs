/** The hosts' processes: started, ended by the end of their standard input, or killed. */
import { spawn } from 'node:child_process';
import { fileURLToPath } from 'node:url';

const at = (path) => fileURLToPath(new URL(path, import.meta.url));
const built = (name) => at(`../../../out/demo/bin/${name}`);

/** How each host is started. */
export const HOSTS = {
  node: [process.execPath, at('../client-node.mjs')],
  wasm: [process.execPath, at('../client-wasm.mjs')],
  c: [built('client-c')],
  go: [built('client-go')],
};
const ROGUE = [process.execPath, at('../rogue.mjs')];

export class Processes {
  #running = new Map();

  constructor(journal, environment) {
    Object.assign(this, { journal, environment, failed: [], isOver: false, onFailure: () => {} });
  }

  start(host, command = HOSTS[host]) {
    const [program, ...args] = command;
    const child = spawn(program, args, { env: { ...process.env, ...this.environment, DEMO_HOST: host }, stdio: ['pipe', 'inherit', 'inherit'] });
    const exited = new Promise((resolve) => {
      child.once('error', (error) => resolve(error.message));
      child.once('exit', (code, signal) => resolve(signal ?? code));
    });
    // A process that ended does not read its input any more.
    child.stdin.on('error', () => {});
    const entry = { child, exited, isKilled: false };
    this.#running.set(host, entry);
    if (child.pid !== undefined) this.journal.write({ kind: 'started', host, pid: child.pid });
    exited.then((status) => this.#ended(host, entry, status));
  }

  startRogue(law) {
    this.start('rogue', [...ROGUE, law]);
  }

  #ended(host, entry, status) {
    const { pid } = entry.child;
    this.journal.write({ kind: 'exited', host, pid, status });
    if (entry.isKilled || (status === 0 && this.isOver)) return;
    this.failed.push(`${host} ended by itself with ${status}`);
    this.onFailure();
  }

  pid(host) {
    return this.#running.get(host).child.pid;
  }

  /** Kills a host with SIGKILL, and waits until it is gone. */
  async kill(host) {
    const entry = this.#running.get(host);
    entry.isKilled = true;
    entry.child.kill('SIGKILL');
    await entry.exited;
  }

  /** Ends all: each finishes its calls, gives its permits back and exits. */
  async end() {
    this.isOver = true;
    for (const { child } of this.#running.values()) child.stdin.end();
    await Promise.all([...this.#running.values()].map(({ exited }) => exited));
  }

  /** For a run that cannot go on. */
  killAll() {
    for (const { child } of this.#running.values()) child.kill('SIGKILL');
  }
}
