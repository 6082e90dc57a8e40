/**
 * The main job: one upstream, four guarded hosts in four processes, one state file, and a judge. `make demo` builds what is
 * needed and runs it. README.md says what it shows, and which environment variables change it.
 */
import { mkdirSync, readFileSync, rmSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';

import { Store } from 'stanchion/store';

import { judge, LAWS } from './judge.mjs';
import { Journal } from './lib/journal.mjs';
import { HOSTS, Processes } from './lib/processes.mjs';
import { writeReport } from './lib/report.mjs';
import { breaches, laws, received } from './lib/tables.mjs';
import { Timeline } from './lib/timeline.mjs';
import { PHASES, timetable, WHOLE_S } from './lib/timetable.mjs';
import { Upstream } from './lib/upstream.mjs';

const KEY = 'upstream';
const WORKERS = 3;
const VICTIM = 'go';
const RESTART_AFTER_MS = 1500;

class Run {
  constructor({ seconds, broken, folder }) {
    Object.assign(this, { seconds, broken, folder, killed: [], isAborted: false });
    this.phases = timetable(seconds);
    // A run starts with an empty state: its judge wants to know of every write.
    rmSync(folder, { recursive: true, force: true });
    mkdirSync(folder, { recursive: true });
    this.journal = new Journal(`${folder}/run.jsonl`);
    this.upstream = new Upstream(this.journal);
    this.openStore(fileURLToPath(new URL('policy.json', import.meta.url)));
  }

  openStore(policyPath) {
    this.store = Store.open(`${this.folder}/state/stanchion`);
    this.key = this.store.key(readFileSync(policyPath, 'utf8'), KEY);
    this.policy = JSON.parse(this.key.policy.toJson());
    this.environment = {
      DEMO_STATE: `${this.folder}/state/stanchion`,
      DEMO_KEY: KEY,
      DEMO_POLICY: policyPath,
      DEMO_WORKERS: String(WORKERS),
      DEMO_CALL_TIMEOUT_MS: String(this.policy.call_timeout_ms),
      DEMO_LEASE_MS: String(this.policy.bulkhead.lease_ms),
    };
  }

  async start() {
    await this.upstream.listen();
    this.startUs = Date.now() * 1000;
    this.timeline = new Timeline(this.startUs);
    this.journal.watch((line) => this.timeline.see(line));
    this.journal.write({ kind: 'run', policy: this.policy, phases: this.phases, workers: WORKERS });
    this.processes = new Processes(this.journal, { ...this.environment, DEMO_UPSTREAM: this.upstream.url });
    // A host that cannot go on ends the run.
    this.processes.onFailure = () => (this.isAborted = true);
    this.timeline.head();
    for (const host of Object.keys(HOSTS)) this.processes.start(host);
    if (this.broken) this.processes.startRogue(this.broken);
  }

  /** The store's word on the key; nothing before its first state. */
  explain() {
    return this.store.read(KEY) === null ? null : JSON.parse(this.key.explain());
  }

  elapsedS() {
    return (Date.now() * 1000 - this.startUs) / 1e6;
  }

  async live() {
    const victim = this.killAndRestart();
    let printedS = 0;
    for (const phase of this.phases) {
      if (!this.isAborted) this.enter(phase.name);
      while (!this.isAborted && this.elapsedS() < phase.endS) {
        await sleep(Math.min(100, Math.max(1, (phase.endS - this.elapsedS()) * 1000)));
        if (Math.floor(this.elapsedS()) > printedS) {
          printedS = Math.floor(this.elapsedS());
          this.sample(phase.name);
        }
      }
    }
    await victim;
  }

  enter(name) {
    this.upstream.phase = name;
    this.journal.write({ kind: 'phase', phase: name });
    this.timeline.note(`the upstream ${PHASES[name].says}`);
  }

  sample(phase) {
    const explain = this.explain();
    if (explain) this.journal.write({ kind: 'sample', host: 'store', explain });
    this.timeline.progress(phase, explain);
  }

  /** Permits that a host was seen to take and not to give back. */
  held(host) {
    const held = new Set();
    for (const line of this.journal.lines) {
      if (line.host !== host) continue;
      if (line.kind === 'call' || line.kind === 'held') held.add(line.permit);
      if (line.kind === 'settled' || line.kind === 'cancelled') held.delete(line.permit);
    }
    return held.size;
  }

  /** Kills the victim while the upstream hangs: as soon as it holds two permits, later with one, in the end in any case. */
  async killAndRestart() {
    const { startS, endS } = this.phases.find((phase) => phase.name === 'hangs');
    while (!this.isAborted && this.elapsedS() < startS) await sleep(10);
    const share = () => (this.elapsedS() - startS) / (endS - startS);
    while (this.held(VICTIM) < (share() < 0.3 ? 2 : 1) && share() < 0.9) await sleep(10);
    if (this.isAborted) return;
    const pid = this.processes.pid(VICTIM);
    await this.processes.kill(VICTIM);
    const permits = this.held(VICTIM);
    this.killed.push({ host: VICTIM, pid, may_miss: WORKERS });
    this.journal.write({ kind: 'killed', host: VICTIM, pid, permits, may_miss: WORKERS });
    this.timeline.note(`${VICTIM} was killed (SIGKILL) holding ${permits} permits; their leases end in ${this.policy.bulkhead.lease_ms} ms at most`);
    await sleep(RESTART_AFTER_MS);
    this.processes.start(VICTIM);
    this.timeline.note(`${VICTIM} was started again`);
    await sleep(Math.max(0, this.policy.bulkhead.lease_ms - RESTART_AFTER_MS));
    const { in_flight: taken, max_concurrent: slots } = this.explain().bulkhead;
    this.timeline.note(`the leases of the killed ${VICTIM} have ended: ${taken} of ${slots} slots are taken`);
  }

  /** Lets all finish, asks the store, and judges. */
  async end() {
    await this.processes.end();
    const lastKill = this.journal.lines.findLast((line) => line.kind === 'killed');
    // What it held comes back by lease.
    if (lastKill) await sleep(Math.max(0, lastKill.at_us / 1000 + this.policy.bulkhead.lease_ms + 1 - Date.now()));
    const final = { sequence: this.store.read(KEY).sequence, explain: this.explain() };
    this.journal.write({ kind: 'final', host: 'store', ...final });
    const verdicts = judge({ policy: this.policy, lines: this.journal.lines, final, killed: this.killed });
    this.journal.write({ kind: 'verdicts', verdicts });
    await this.upstream.close();
    await this.journal.close();
    return verdicts;
  }

  print(verdicts) {
    console.log(`\nWhat the upstream received in ${this.elapsedS().toFixed(1)} s, by host and answer:\n`);
    console.log(received(this.journal.lines));
    console.log('\nWhat the policy allows, and what the upstream saw:\n');
    console.log(laws(verdicts));
    const told = [...this.processes.failed.map((text) => `process: ${text}`), ...breaches(verdicts)];
    if (told.length > 0) console.log(`\n${told.join('\n')}`);
    const events = `${this.folder}/run.jsonl`;
    console.log(`\nEvery event: ${events} (${this.journal.lines.length} lines)`);
    console.log(`As a page:   ${writeReport(events)}`);
    console.log(told.length === 0 ? 'All laws held.' : 'NOT all laws held.');
    return told.length === 0;
  }
}

function options(env) {
  const seconds = Number(env.DEMO_SECONDS ?? WHOLE_S);
  if (!(seconds >= 6 && seconds <= 3600)) throw new Error(`\`DEMO_SECONDS\` is ${env.DEMO_SECONDS}: 6 to 3600 are allowed`);
  const broken = env.DEMO_BREAK || null;
  if (broken && !LAWS.includes(broken)) throw new Error(`\`DEMO_BREAK\` is ${broken}: ${LAWS.join(', ')} are allowed`);
  const folder = env.DEMO_OUT ?? fileURLToPath(new URL('../../out/demo/run', import.meta.url));
  return { seconds, broken, folder };
}

const run = new Run(options(process.env));
try {
  await run.start();
  await run.live();
  process.exitCode = run.print(await run.end()) ? 0 : 1;
} catch (error) {
  console.error(`error: ${error.stack}`);
  run.processes?.killAll();
  process.exit(1);
}
