// A workerd process, on a free loopback port.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline';

import workerd from 'workerd';

/**
 * Starts workerd on a worker: `modules` are files of `folder`, the first one is its entry; `more` is further text of its
 * configuration (workerd.capnp, `Worker`), `services` of the configuration's list. Answers with its URL and how to stop it.
 */
export async function startWorkerd(folder, { modules, compatibilityDate, more = '', services = '' }) {
  const listed = modules.map((name) => `(name = "${name}", ${name.endsWith('.wasm') ? 'wasm' : 'esModule'} = embed "${name}")`);
  const path = join(folder, 'config.capnp');
  writeFileSync(
    path,
    `using Workerd = import "/workerd/workerd.capnp";
const config :Workerd.Config = (
  services = [(name = "main", worker = .main)${services}],
  sockets = [(name = "http", address = "127.0.0.1:0", http = (), service = "main")],
);
const main :Workerd.Worker = (
  compatibilityDate = "${compatibilityDate}",
  modules = [${listed.join(', ')}],
  ${more}
);
`,
  );
  const child = spawn(workerd.default, ['serve', path, '--control-fd=3'], { stdio: ['ignore', 'inherit', 'inherit', 'pipe'] });
  const exited = once(child, 'exit');
  const stop = async () => {
    child.kill('SIGKILL');
    await exited;
  };
  for await (const line of createInterface({ input: child.stdio[3] })) {
    const { event, port } = JSON.parse(line);
    if (event === 'listen') return { url: `http://127.0.0.1:${port}`, stop };
  }
  throw new Error(`workerd ended with status ${(await exited)[0]} before it listened`);
}
