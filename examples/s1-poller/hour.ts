/** An hour of fifty users' mail, in some seconds. */
import type { Outcome, Schedule } from 'stanchion';
import type { Spool } from 'stanchion/store';

import { openInbox } from './inbox.js';
import { MINUTE, MailServer, USERS } from './mail-server.js';
import { type Item, Poller } from './poller.js';
import { Simulation } from './simulation.js';

/** Whose poll is cancelled while the server lets it wait. */
export const CANCELLED = 'user-40';

/** Where the items are delivered. */
export class Desk {
  readonly delivered: string[] = [];
  readonly tried: string[] = [];

  deliver({ id, body }: Item): void {
    this.tried.push(id);
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
  readonly inbox: Spool;
  /** The ids of items that were handed in again. */
  readonly duplicates: readonly string[];
  /** Whose circuit opened, in order. */
  readonly opened: readonly string[];
  readonly ended: readonly Ended[];
  /** The circuits' phases, right after two thousand others had come by. */
  readonly phaseOf: Readonly<Record<string, string | undefined>>;
}

/** Lives through it; the inbox lies in that folder. */
export async function live(folder: string): Promise<Hour> {
  const simulation = new Simulation();
  const { clock, fetch } = simulation;
  const startMs = clock.now();
  const server = new MailServer(clock, simulation.hangs);
  const desk = new Desk();
  const inbox = await openInbox(folder, clock);
  const [opened, ended, duplicates]: [string[], Ended[], string[]] = [[], [], []];
  const append: Spool['append'] = async (payload, options) => {
    const answer = await simulation.during(() => inbox.append(payload, options));
    if (answer.appended === 'duplicate') duplicates.push(options!.id!);
    return answer;
  };
  const poller = new Poller({ url: await server.listen(), inbox: { append }, clock, fetch });
  const read = (payload: Uint8Array): Item => JSON.parse(new TextDecoder().decode(payload)) as Item;
  const draining = inbox.keepDraining(({ payload }) => desk.deliver(read(payload)), { pollMs: MINUTE });

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
  // What the last minute brought.
  while ((await inbox.report()).items > 0) await simulation.advance(MINUTE);
  await draining.stop();
  return { simulation, startMs, server, poller, desk, inbox, opened, ended, duplicates, phaseOf };
}

/** Users who come once: at most 100 are remembered, and nobody whose circuit is open is forgotten for them. */
async function passBy(poller: Poller, count: number): Promise<void> {
  for (let number = 0; number < count; number += 1) {
    await poller.mailboxes.of(`passer-by-${number}`).execute(() => 'once');
  }
}
