/** A mail server on the loopback interface, with everything that goes wrong with one. */
import { type IncomingMessage, type Server, type ServerResponse, createServer } from 'node:http';
import type { AddressInfo } from 'node:net';

import type { TestClock } from 'stanchion/testing';

import type { Item } from './poller.js';

export const MINUTE = 60_000;
export const USERS: readonly string[] = Array.from({ length: 50 }, (_, number) => `user-${String(number).padStart(2, '0')}`);

/** What a mailbox answers in place of its items. */
type Answer = { readonly status: number; readonly retryAfter?: string } | 'hangs' | 'breaks off';

/** What is wrong with some of the users' mailboxes. `isFirst`: since that minute nothing was answered. */
const TROUBLES: Readonly<Record<string, (minute: number, isFirst: (sinceMinute: number) => boolean) => Answer | undefined>> = {
  'user-05': () => ({ status: 404 }),
  'user-07': () => ({ status: 500 }),
  'user-08': (_, isFirst) => (isFirst(10) ? { status: 429, retryAfter: '600' } : undefined),
  'user-09': (_, isFirst) => (isFirst(10) ? { status: 503, retryAfter: '0x10' } : undefined),
  'user-15': (_, isFirst) => (isFirst(20) ? 'breaks off' : undefined),
  'user-18': (minute) => ([5, 15, 25].includes(minute) ? { status: 502 } : undefined),
  'user-23': () => 'hangs',
  'user-40': (minute) => (minute >= 30 ? 'hangs' : undefined),
};

/** An item that cannot be read. */
export const BAD_ITEM = 'user-31-item-2';
/** Whose mailbox forgets, once for each item, that it was taken. */
export const FORGETFUL = 'user-33';

/** A request for the items of a mailbox, and what it was answered. */
export interface Asked {
  readonly user: string;
  readonly atMs: number;
  readonly answer: Answer;
}

export class MailServer {
  readonly asked: Asked[] = [];
  /** The items that were acknowledged, in order. */
  readonly taken: string[] = [];
  readonly #forgotten = new Set<string>();
  readonly #clock: TestClock;
  readonly #startMs: number;
  readonly #hangs: (request: IncomingMessage) => void;
  readonly #server: Server = createServer((request, response) => this.#answer(request, response));

  /** `hangs` is told of each request that is never answered. */
  constructor(clock: TestClock, hangs: (request: IncomingMessage) => void) {
    this.#clock = clock;
    this.#startMs = clock.now();
    this.#hangs = hangs;
  }

  async listen(): Promise<string> {
    await new Promise<void>((resolve) => this.#server.listen(0, '127.0.0.1', resolve));
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  close(): void {
    this.#server.closeAllConnections();
    this.#server.close();
  }

  get #minute(): number {
    return (this.#clock.now() - this.#startMs) / MINUTE;
  }

  #answer(request: IncomingMessage, response: ServerResponse): void {
    const [, , user = '', , id] = request.url!.split('/');
    if (request.method === 'DELETE') {
      this.#take(user, id!);
      return void response.writeHead(204).end();
    }
    const answer = this.#troubleOf(user) ?? { status: 200 };
    this.asked.push({ user, atMs: this.#clock.now(), answer });
    if (answer === 'hangs') return this.#hangs(request);
    if (answer === 'breaks off') return void request.socket.destroy();
    const { status, retryAfter } = answer;
    const headers = retryAfter === undefined ? {} : { 'Retry-After': retryAfter };
    response.writeHead(status, headers).end(status === 200 ? JSON.stringify(this.#itemsOf(user)) : '');
  }

  #take(user: string, id: string): void {
    const isForgotten = user === FORGETFUL && !this.#forgotten.has(id);
    if (isForgotten) this.#forgotten.add(id);
    else this.taken.push(id);
  }

  #troubleOf(user: string): Answer | undefined {
    const isFirst = (sinceMinute: number): boolean => {
      const sinceMs = this.#startMs + sinceMinute * MINUTE;
      return this.#minute >= sinceMinute && !this.asked.some((asked) => asked.user === user && asked.atMs >= sinceMs);
    };
    return TROUBLES[user]?.(Math.floor(this.#minute), isFirst);
  }

  /** Every ten minutes there is one more; what was acknowledged is gone. */
  #itemsOf(user: string): Item[] {
    const ids = Array.from({ length: 1 + Math.floor(this.#minute / 10) }, (_, number) => `${user}-item-${number + 1}`);
    return ids.filter((id) => !this.taken.includes(id)).map((id) => ({ id, body: (id === BAD_ITEM ? null : 'hello') as string }));
  }
}
