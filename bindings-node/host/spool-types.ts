import type { Call, Classify } from 'stanchion-wasm/host';

import type { StoreOptions } from './store.js';

/** How a spool is opened. */
export type SpoolOptions = Omit<StoreOptions, 'maxKeys'>;

/** What became of an item that was handed in. */
export interface Appended {
  /**
   * `accepted`: it is on the disk. `duplicate`: one with its id is there, or was acknowledged within `dedupeWindowMs`. `refused`: there is
   * no room, or it is too large.
   */
  readonly appended: 'accepted' | 'duplicate' | 'refused';
  /** Its number, or that of its like; null where it was refused, or its like is gone. */
  readonly seq: number | null;
  /** Which bound refuses it: one item's bytes, the number of items, or the bytes of all. */
  readonly why: 'item' | 'items' | 'bytes' | null;
}

/** An item, without its payload. */
export interface SpoolItem {
  /** Its number: items are numbered in the order in which they came. */
  readonly seq: number;
  /** By what another of it is known as a duplicate. */
  readonly id: string | null;
  /** How many bytes its payload has. */
  readonly bytes: number;
  /** When it was accepted, or requeued, in ms since the Unix epoch. */
  readonly sinceMs: number;
  /** How often it was tried. */
  readonly attempts: number;
  /** What it is doing. */
  readonly status: 'waiting' | 'leased' | 'dead';
  /** Why nobody delivers it any more; null where it is no dead letter. */
  readonly why: 'attempts' | 'age' | 'refused' | 'damaged' | null;
  /** When it may go out, its lease ends, or it died, in ms since the Unix epoch. */
  readonly atMs: number;
}

/** An item to deliver. */
export interface Delivery {
  /** Its number. */
  readonly seq: number;
  /** The number of the lease, by which it is settled. */
  readonly lease: number;
  /** By what another of it is known as a duplicate. */
  readonly id: string | null;
  /** Which attempt this is, from 1. */
  readonly attempt: number;
  /** When it was accepted, or requeued, in ms since the Unix epoch. */
  readonly sinceMs: number;
  /** When the lease ends, in ms since the Unix epoch. */
  readonly untilMs: number;
  /** What is to be delivered. */
  readonly payload: Uint8Array;
}

/** What may be delivered now. */
export interface Offer {
  /** Deliver this, and settle or renew it before its lease ends; null where there is nothing now. */
  readonly delivery: Delivery | null;
  /** Where something waits, but not for now: when to ask again, in ms since the Unix epoch, and what keeps it. */
  readonly wait: { readonly atMs: number; readonly by: 'lease' | 'backoff' | 'pace' } | null;
  /** What became a dead letter on the way. */
  readonly dead: readonly SpoolItem[];
}

/** What became of a delivery. */
export interface SpoolSettled {
  /** `acknowledged`: it left the disk. `returned`: it waits again, until `atMs`. `dead`: nobody delivers it any more, for `why`. */
  readonly settled:
    | 'acknowledged'
    | 'returned'
    | 'dead'
    | 'renewed'
    | 'paced'
    | 'requeued'
    | 'removed'
    | 'unchanged'
    | 'leaseLost'
    | 'notFound';
  /** When it may go out again, or the lease ends, in ms since the Unix epoch. */
  readonly atMs: number | null;
  /** Why it is dead. */
  readonly why: SpoolItem['why'];
}

/** How much there is. */
export interface SpoolReport {
  /** Items that wait or are leased. */
  readonly items: number;
  /** Items that are being delivered. */
  readonly leased: number;
  /** Dead letters. */
  readonly dead: number;
  /** The bytes of all payloads. */
  readonly bytes: number;
  /** When the oldest was accepted, in ms since the Unix epoch; null where there is none. */
  readonly oldestMs: number | null;
  /** How many ids of acknowledged items are known. */
  readonly knownIds: number;
  /** How many torn tails were cut since the spool was made. */
  readonly cuts: number;
  /** How many bytes they had. */
  readonly cutBytes: number;
  /** How many bytes all files have. */
  readonly diskBytes: number;
}

/** How items are delivered. */
export interface DrainOptions {
  /** Ends it: a delivery under way is abandoned, and its item waits as before. */
  readonly signal?: AbortSignal | undefined;
  /** Tokens that a delivery takes; 1 by default. */
  readonly cost?: number | undefined;
  /** How long to wait for the admission of each delivery at most, in ms; 0, the default, does not wait. */
  readonly waitMs?: number | undefined;
  /** How long each delivery may take in ms. */
  readonly timeoutMs?: number | undefined;
  /**
   * Says what the end of a delivery means: `success` acknowledges an item whose delivery returned, `ignored` counts no attempt where
   * there is something to wait for.
   */
  readonly classify?: Classify<unknown> | undefined;
  /** Whether nobody will ever take an item that failed so: it becomes a dead letter, and those behind it go on. */
  readonly isDead?: ((error: unknown) => boolean) | undefined;
}

/** How a drain ended. */
export interface Drained {
  /** How many items were delivered and acknowledged. */
  readonly delivered: number;
  /** How many deliveries failed: those items wait, or are dead letters. */
  readonly failed: number;
  /** Why it ended: nothing is there, nothing may go out now, or the gates refuse. */
  readonly why: 'empty' | 'wait' | 'rejected';
  /** When to ask again if nothing else happens, in ms since the Unix epoch; null where nobody knows. */
  readonly nextAtMs: number | null;
}

/** What is said of a delivery that ended. */
export interface SpoolEndOptions {
  /**
   * When it may go out again at the earliest, in ms since the Unix epoch: the latest of what the receiver, a block and a refusal within
   * the call said.
   */
  readonly notBeforeMs?: number | undefined;
  /**
   * Where it was a call under a policy, with that outcome: how it ended. A 404 is an answer of an upstream that works, and delivers
   * nothing: so only a call that returned and was a success is acknowledged, and one that was ignored counts no attempt only where
   * there is something to wait for, or where the caller left. `drain` says so by itself.
   */
  readonly call?: 'returned' | 'failed' | 'cancelled' | undefined;
}

/** Makes a delivery; what it throws says that the item was not delivered. */
export type Deliver = (delivery: Delivery, call: Call) => unknown;
