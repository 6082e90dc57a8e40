/** An hour of fifty users' mail, in some seconds. */
import type { Outcome, Schedule } from 'stanchion';

import { MINUTE, MailServer, USERS } from './mail-server.js';
import { type Item, Poller } from './poller.js';
import { Simulation } from './simulation.js';

/** Whose poll is cancelled while the server lets it wait. */
export const CANCELLED = 'user-40';

/** What was done with the items. */
export class Desk {
  readonly delivered: string[] = [];
  readonly tries = new Map<string, number>();

  deliver({ id, body }: Item): void {
    this.tries.set(id, (this.tries.get(id) ?? 0) + 1);
    // Of the bad one this is a TypeError: a fault of this program, and not of the network.
    if (body.length > 0) this.delivered.push(id);
  }
}

/** How a call ended. */
export interface Ended {
  readonly user: string;
  readonly atMs: number;
  readonly outcome: Outcome;
}

/** An hour as it went. */
export interface Hour {
  readonly simulation: Simulation;
  readonly startMs: number;
  readonly server: MailServer;
  readonly poller: Poller;
  readonly desk: Desk;
  /** Whose circuit opened, in order. */
  readonly opened: readonly string[];
  readonly ended: readonly Ended[];
  /** The circuits' phases, right after two thousand others had come by. */
  readonly phaseOf: Readonly<Record<string, string | undefined>>;
}

export async function live(): Promise<Hour> {
  const simulation = new Simulation();
  const { clock, fetch } = simulation;
  const startMs = clock.now();
  const server = new MailServer(clock, simulation.hangs);
  const desk = new Desk();
  const poller = new Poller({ url: await server.listen(), deliver: (_, item) => desk.deliver(item), clock, fetch });

  const [opened, ended]: [string[], Ended[]] = [[], []];
  poller.mailboxes.on('open', ({ key }) => opened.push(key!));
  poller.mailboxes.on('settled', ({ key, outcome }) => ended.push({ user: key!, atMs: clock.now(), outcome }));

  const polls = new Map<string, Schedule>(USERS.map((user) => [user, poller.start(user)]));
  await simulation.advance(30 * MINUTE);
  const isWaiting = (): boolean => server.asked.some(({ user, answer }) => user === CANCELLED && answer === 'hangs');
  while (!isWaiting()) await simulation.advance(5000);
  await polls.get(CANCELLED)!.stop();
  await simulation.advance(startMs + 45 * MINUTE - clock.now());
  await passBy(poller, 2000);
  const phaseOf = Object.fromEntries(USERS.map((user) => [user, poller.mailboxes.of(user).explain().circuit?.phase]));
  await simulation.advance(15 * MINUTE);
  const stopped = [...polls.values()].map((each) => each.stop());
  await simulation.quiet();
  await Promise.all(stopped);
  return { simulation, startMs, server, poller, desk, opened, ended, phaseOf };
}

/** Users who come once: at most 100 are remembered, and nobody whose circuit is open is forgotten for them. */
async function passBy(poller: Poller, count: number): Promise<void> {
  for (let number = 0; number < count; number += 1) {
    await poller.mailboxes.of(`passer-by-${number}`).execute(() => 'once');
  }
}
