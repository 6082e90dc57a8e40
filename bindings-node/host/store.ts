/** One state file that processes of any language share. Node only, through the addon. */
import {
  type Engine,
  EnginePolicy,
  type Json,
  type Keyed,
  LOCKED,
  type Names,
  POLICY,
  type Policy,
  type PolicyConfig,
  type PolicyOptions,
  type PolicyStore,
  STORED,
  type StoredOptions,
  commonOf,
  known,
} from 'stanchion-wasm/host';

import { type RawStore, type RawTransaction, addon, given, pooled } from './addon.js';
import { Key } from './key.js';
import { StoredKeyed, StoredPolicy } from './stored.js';

export { Key } from './key.js';
export type { Stored, StoredDecision, Unavailable } from './key.js';
export type { Draining, KeepDrainingOptions } from './draining.js';
export * from './spool.js';
export { StoreError } from 'stanchion-wasm/host';

/** How a state file is opened. Every setting has a default that is safe. */
export interface StoreOptions {
  /** How long an operation waits for the lock at most, in ms; 100 by default. Only the thread pool waits. */
  readonly waitMs?: number | undefined;
  /** Whether every write survives a loss of power, which takes it milliseconds in the thread pool; by default it survives the death of any process. */
  readonly sync?: boolean | undefined;
  /** How many keys the file may hold before a new one needs an old one to be forgotten; 100,000 by default. */
  readonly maxKeys?: number | undefined;
  /** Whether a missing file, and a missing directory, are made (0600 and 0700); they are by default. */
  readonly create?: boolean | undefined;
  /** Whether nothing is made, locked or written. */
  readonly readOnly?: boolean | undefined;
  /** Whether the file may belong to another user. Only where all who may write are trusted. */
  readonly anyOwner?: boolean | undefined;
}

const STORE: Names<StoreOptions> = { waitMs: true, sync: true, maxKeys: true, create: true, readOnly: true, anyOwner: true };

/** One key of a file as it is listed. */
export interface KeyInfo {
  readonly key: string;
  /** How often it was written. */
  readonly sequence: number;
  /** How many bytes its state has. */
  readonly length: number;
  /** From when on it may be forgotten, in µs; null for never. */
  readonly vacuousAtUs: number | null;
}

/** What a transaction writes: the key's bytes, and from when on they may be forgotten (`State.vacuousAt`). */
export type Write = Uint8Array | { readonly bytes: Uint8Array; readonly vacuousAtUs: number | null };

/** An open state file. Any number of threads and processes may use the same file. */
export class Store implements PolicyStore {
  readonly #engine: Engine;
  readonly #raw: RawStore;
  readonly #isSynced: boolean;
  readonly #policies = new WeakMap<EnginePolicy, EnginePolicy>();

  /** @internal Made by `Store.open`. */
  private constructor(engine: Engine, raw: RawStore, isSynced: boolean) {
    this.#engine = engine;
    this.#raw = raw;
    this.#isSynced = isSynced;
  }

  /**
   * Opens a state file, or makes it, and its directory, where they are missing. On a local file system only: network file systems do
   * not keep its locks. A process that forks opens it anew in the child.
   * @throws StoreError for anything but a state file that is safe to use; what was found is left as it is.
   */
  static open(path: string, options: StoreOptions = {}): Store {
    const { raw, engine } = addon();
    engine.raw();
    const store = engine.run(() => raw.storeOpen(path, given(known(options, STORE))));
    if (store === null) throw engine.lastFault();
    return new Store(engine, store, options.sync === true);
  }

  /**
   * A policy whose state lies in this file, under its name or `options.key`: the same as `definePolicy`, shared.
   *
   * @example
   * ```ts
   * const store = Store.open('/var/lib/app/stanchion.state');
   * const billing = store.policy({ name: 'billing', circuit: { consecutiveFailures: 5 } });
   * await billing.execute(callUpstream);
   * ```
   * @throws ConfigError naming the field as it was written, its value and what is allowed.
   * @throws StoreError for a key that is empty or longer than 255 bytes.
   */
  policy(config: PolicyConfig | string, options: StoredOptions = {}): Policy {
    const { key, ...rest } = known(options, STORED);
    const common = commonOf(this.#engine, config, rest);
    const stored = key ?? common.name;
    return new StoredPolicy(common, stored, this.key(common.rules, stored));
  }

  /**
   * One configuration for many keys of this file, each stored as `name/key`, so that two configurations do not meet on one: the same as
   * `defineKeyed`, shared.
   */
  keyed(config: PolicyConfig | string, options: PolicyOptions = {}): Keyed<Policy> {
    const common = commonOf(this.#engine, config, known(options, POLICY));
    return new StoredKeyed(common, (key) => this.key(common.rules, `${common.name}/${key}`));
  }

  /**
   * A policy on one key, made to be kept. A policy of another engine, or its JSON, will do.
   * @throws StoreError for a key that is empty or longer than 255 bytes.
   */
  key(policy: EnginePolicy | Json, key: string): Key {
    const own = this.#own(policy);
    const raw = this.#engine.run(() => this.#raw.key(own.handle, key));
    if (raw === null) throw this.#engine.lastFault();
    return new Key(own, raw);
  }

  /** All keys, sorted by name. Takes no lock. */
  keys(): KeyInfo[] {
    this.#engine.raw();
    const keys = this.#engine.run(() => this.#raw.keys());
    if (keys === null) throw this.#engine.lastFault();
    return keys.map((info) => ({ ...info, vacuousAtUs: info.vacuousAtUs || null }));
  }

  /** The bytes of a key and how often it was written; null where it does not exist. Takes no lock. */
  read(key: string): { readonly bytes: Uint8Array; readonly sequence: number } | null {
    this.#engine.raw();
    this.#engine.check(this.#engine.run(() => this.#raw.read(key)));
    const sequence = this.#engine.sequence();
    return sequence === 0 ? null : { bytes: this.#engine.bytes(), sequence };
  }

  /** Removes a key; whether it was there. */
  async remove(key: string): Promise<boolean> {
    this.#engine.raw();
    const done = await pooled(this.#engine, () => this.#raw.removeLater(key));
    this.#engine.check(this.#engine.run(() => done.load()));
    return this.#engine.number() === 1;
  }

  /**
   * Decides elsewhere, under the file's lock: `fn` gets the key's bytes (null where it does not exist) and returns those
   * to write, or null to write nothing. It must not wait for anything: every other operation on the file waits for it.
   * What it throws is thrown, and nothing is written. Returns the key's write sequence after it.
   */
  async transact(key: string, fn: (bytes: Uint8Array | null) => Write | null | undefined): Promise<number> {
    const transaction = await this.#begin(key);
    let write: Write | null | undefined;
    try {
      write = fn(transaction.read());
      if (typeof (write as { then?: unknown } | null)?.then === 'function') {
        throw new TypeError('`fn` of `transact` must return bytes, not a promise: the lock is held meanwhile');
      }
    } catch (error) {
      transaction.abort();
      throw error;
    }
    return this.#end(transaction, write);
  }

  /**
   * Gives the file back. Whatever is asked of it, of its keys and of its policies from now on ends with a `StoreError` with the code
   * `closed`; who has the lock just now ends first. Closing twice does nothing. Where it is never called, the file is given back when
   * nothing refers to the store, its keys and its policies any more.
   */
  close(): void {
    this.#engine.run(() => this.#raw.close());
  }

  /** The same, for `using`. */
  [Symbol.dispose](): void {
    this.close();
  }

  async #end(transaction: RawTransaction, write: Write | null | undefined): Promise<number> {
    const bytes = write instanceof Uint8Array ? write : write?.bytes;
    const vacuousAtUs = write instanceof Uint8Array ? 0 : (write?.vacuousAtUs ?? 0);
    const isLate = this.#isSynced && bytes !== undefined;
    const done = isLate ? await pooled(this.#engine, () => transaction.commitLater(bytes, vacuousAtUs)) : undefined;
    const end = (): number => {
      if (done !== undefined) return done.load();
      return bytes === undefined ? transaction.abort() : transaction.commit(bytes, vacuousAtUs);
    };
    this.#engine.check(this.#engine.run(end));
    return this.#engine.sequence();
  }

  async #begin(key: string): Promise<RawTransaction> {
    this.#engine.raw();
    const atOnce = this.#engine.run(() => this.#raw.tryBegin(key));
    if (atOnce !== null) return atOnce;
    if (this.#engine.number() !== LOCKED) throw this.#engine.lastFault();
    const done = await pooled(this.#engine, () => this.#raw.beginLater(key));
    const later = done.transaction();
    if (later === null) throw this.#engine.fault(this.#engine.run(() => done.load()));
    return later;
  }

  #own(policy: EnginePolicy | Json): EnginePolicy {
    if (!(policy instanceof EnginePolicy)) return this.#engine.policy(policy);
    if (policy.engine === this.#engine) return policy;
    let own = this.#policies.get(policy);
    if (own === undefined) {
      own = this.#engine.policy(policy.toJson());
      this.#policies.set(policy, own);
    }
    return own;
  }
}
