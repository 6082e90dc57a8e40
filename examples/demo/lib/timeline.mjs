/** What is printed while the run goes on: a line each second, and each edge with the host that saw it. */

const seconds = (us) => `${(us / 1e6).toFixed(1)} s`.padStart(7);

export class Timeline {
  #counts = new Counts();
  #blockedUntilUs = 0;

  constructor(startUs, print = console.log) {
    Object.assign(this, { startUs, print });
  }

  head() {
    this.print('   time  upstream   circuit    slots  tokens    calls    ok   503   429  none  |  refused by: circuit block limits slots');
  }

  /** Something that happened, on a line of its own. */
  note(text, atUs = Date.now() * 1000) {
    this.print(`${seconds(atUs - this.startUs)}  > ${text}`);
  }

  /** Counts a line of the journal, and prints it where it is an edge. */
  see(line) {
    this.#counts.add(line);
    const events = (line.events ?? []).filter((event) => EDGES[event]);
    for (const event of events) this.note(`${EDGES[event]} (${line.host}, write ${line.sequence})`);
    if (line.kind === 'blocked' && line.until_us > this.#blockedUntilUs) {
      this.#blockedUntilUs = line.until_us;
      this.note(`all wait until ${seconds(line.until_us - this.startUs).trim()}: ${line.host} was told so (write ${line.sequence})`);
    }
    if (line.kind === 'rejected' && line.by === 'store') this.note(`${line.host} refuses by itself: the state file is busy`);
  }

  /** The line of a second; `explain` is the store's word. */
  progress(phase, explain) {
    const { calls, ok, failed, throttled, none, refused } = this.#counts.take();
    const column = (value, width) => String(value).padStart(width);
    const tokens = explain ? Math.floor(explain.limits[1].tokens) : '-';
    const slots = explain ? `${explain.bulkhead.in_flight}/${explain.bulkhead.max_concurrent}` : '-';
    const circuit = explain?.block_until_us ? 'blocked' : (explain?.circuit.phase ?? '-');
    this.print(
      `${seconds(Date.now() * 1000 - this.startUs)}  ${phase.padEnd(9)}  ${circuit.padEnd(9)}  ${column(slots, 5)}  ${column(tokens, 6)}` +
        `   ${[calls, ok, failed, throttled, none].map((n) => column(n, 6)).join('').slice(1)}` +
        `  |  ${column(refused.circuit, 19)} ${column(refused.block, 5)} ${column(refused.limit, 6)} ${column(refused.bulkhead, 5)}`,
    );
  }
}

const EDGES = {
  opened: 'circuit opened',
  half_opened: 'circuit half-opened',
  closed: 'circuit closed',
  clock_stepped: 'the clock was set back',
  adopted: 'another policy took over',
};

/** What the last second brought. */
class Counts {
  constructor() {
    this.reset();
  }

  reset() {
    this.now = { calls: 0, ok: 0, failed: 0, throttled: 0, none: 0, refused: { circuit: 0, block: 0, limit: 0, bulkhead: 0, store: 0 } };
  }

  add(line) {
    const { now } = this;
    if (line.kind === 'call') now.calls += 1;
    if (line.kind === 'answer') now[answerName(line.status)] += 1;
    if (line.kind === 'rejected') now.refused[line.by.split(':')[0]] += 1;
  }

  take() {
    const taken = this.now;
    this.reset();
    return taken;
  }
}

/** How the upstream answered, as the tables name it. */
export function answerName(status) {
  if (status === 0) return 'none';
  if (status === 429) return 'throttled';
  return status < 300 ? 'ok' : 'failed';
}
