/**
 * A worker that polls a mailbox for each of its users. This is all that the worker needs; the other files are the server, the children and
 * the hour that it is tried in.
 */
import {
  type Clock,
  type Fetch,
  type Keyed,
  type LocalPolicy,
  type Schedule,
  guardFetch,
  keyed,
  schedule,
} from 'stanchion';
import type { Spool } from 'stanchion/store';

/** What lies in a mailbox. */
export interface Item {
  readonly id: string;
  readonly body: string;
}

export interface PollerOptions {
  /** Where the mail server is. */
  readonly url: string;
  /** Where the items go; see inbox.ts. */
  readonly inbox: Pick<Spool, 'append'>;
  /** For tests: in place of the runtime's. */
  readonly clock?: Clock;
  readonly fetch?: Fetch;
}

export class Poller {
  /** Each user's mailbox fails, is blocked and recovers by itself: two that are broken hold up nobody else. */
  readonly mailboxes: Keyed<LocalPolicy>;
  /** When each mailbox is looked into: its own second of each minute. */
  readonly polls: Keyed<LocalPolicy>;
  readonly #options: PollerOptions;
  readonly #fetch: Fetch;

  constructor(options: PollerOptions) {
    const { clock, fetch } = options;
    this.#options = options;
    this.mailboxes = keyed(
      'mailboxes',
      {
        circuit: { consecutiveFailures: 3, openMs: 5 * 60_000, openMultiplier: 2, openMaxMs: 20 * 60_000, probeLeaseMs: 60_000 },
        block: {},
        retry: { maxAttempts: 3, baseDelayMs: 500, maxDelayMs: 5000 },
        health: { maxSuccessAgeMs: 15 * 60_000, flapping: { openings: 3, windowMs: 60 * 60_000 } },
        callTimeoutMs: 10_000,
      },
      { clock, maxKeys: 100 },
    );
    this.polls = keyed('polls', { schedule: { intervalMs: 60_000 } }, { clock });
    this.#fetch = guardFetch(({ pathname }) => this.mailboxes.of(pathname.split('/')[2]!), { fetch });
  }

  /** Looks into a user's mailbox each minute, until it is stopped. */
  start(user: string): Schedule {
    return schedule(this.polls.of(user), ({ signal }) => this.#poll(user, signal));
  }

  /** A refusal by the user's circuit or block is thrown, too, and counts as a poll that was skipped. */
  async #poll(user: string, signal: AbortSignal): Promise<void> {
    const mailbox = `${this.#options.url}/mailboxes/${user}`;
    const response = await this.#fetch(mailbox, { signal });
    if (!response.ok) {
      await response.body?.cancel();
      throw new Error(`the mailbox of ${user} answered ${response.status}`);
    }
    for (const item of (await response.json()) as readonly Item[]) {
      const { appended } = await this.#options.inbox.append(JSON.stringify(item), { id: item.id });
      // Only what is on the disk, now or since before, leaves the mailbox.
      if (appended !== 'refused') await this.#fetch(`${mailbox}/items/${item.id}`, { method: 'DELETE', signal });
    }
  }
}
