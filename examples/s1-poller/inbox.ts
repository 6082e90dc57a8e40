/** What was fetched from the mailboxes and waits to be delivered: on the disk, so that nothing is lost between server and worker. */
import { type Clock, definePolicy } from 'stanchion';
import { Spool } from 'stanchion/store';

/**
 * Each item is known by its id for a day, 5,000 for each of 50 users, so that one that a server shows again is not delivered again. One
 * that cannot be delivered comes back later, while those behind it go on; after three times it is a dead letter, for a person to look at.
 */
export function openInbox(folder: string, clock?: Clock): Promise<Spool> {
  const spool = { dedupeWindowMs: 24 * 3_600_000, dedupeCapacity: 250_000, maxAttempts: 3, baseDelayMs: 60_000 };
  return Spool.open(folder, definePolicy({ name: 'inbox', spool }, { clock }));
}
