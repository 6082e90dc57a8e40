import native from '#native';
import { Engine, type Instance, type RawEngine } from 'stanchion-wasm/host';

/** The addon's functions: the raw engine's, and the store. */
export interface RawAddon extends RawEngine {
  slot(): Uint32Array;
  restart(): void;
  storeOpen(path: string, options: RawStoreOptions): RawStore | null;
  spoolOpenLater(path: string, policy: number, options: RawStoreOptions): Promise<RawDone>;
}

/** As the addon takes them; what is left out is as the store has it. */
export interface RawStoreOptions {
  waitMs?: number;
  sync?: boolean;
  maxKeys?: number;
  create?: boolean;
  readOnly?: boolean;
  anyOwner?: boolean;
}

/** An open file. */
export interface RawStore {
  key(policy: number, key: string): RawKey | null;
  close(): void;
  keys(): { key: string; sequence: number; length: number; vacuousAtUs: number }[] | null;
  read(key: string): number;
  removeLater(key: string): Promise<RawDone>;
  tryBegin(key: string): RawTransaction | null;
  beginLater(key: string): Promise<RawDone>;
}

/** An open spool: all of it in the thread pool, the answers as JSON. */
export interface RawSpool {
  appendLater(id: string | null, payload: Uint8Array, nowUs: number): Promise<RawDone>;
  leaseLater(nowUs: number): Promise<RawDone>;
  settleLater(seq: number, lease: number, outcome: number, call: number, notBeforeUs: number, nowUs: number): Promise<RawDone>;
  renewLater(seq: number, lease: number, nowUs: number): Promise<RawDone>;
  requeueLater(seq: number, nowUs: number): Promise<RawDone>;
  removeLater(seq: number, nowUs: number): Promise<RawDone>;
  payloadLater(seq: number): Promise<RawDone>;
  resumeLater(nowUs: number): Promise<RawDone>;
  itemsLater(): Promise<RawDone>;
  deadLettersLater(): Promise<RawDone>;
  reportLater(nowUs: number): Promise<RawDone>;
  compactLater(): Promise<RawDone>;
}

/** A policy on one key: each operation at once (or `LOCKED`), and in the thread pool. */
export interface RawKey {
  acquire(cost: number, holderLo: number, holderHi: number, nowUs: number): number;
  acquireLater(cost: number, holderLo: number, holderHi: number, nowUs: number): Promise<RawDone>;
  settle(a: number, b: number, c: number, d: number, outcome: number, durationUs: number, actualCost: number, nowUs: number): number;
  settleLater(
    a: number,
    b: number,
    c: number,
    d: number,
    outcome: number,
    durationUs: number,
    actualCost: number,
    nowUs: number,
  ): Promise<RawDone>;
  cancel(a: number, b: number, c: number, d: number, nowUs: number): number;
  cancelLater(a: number, b: number, c: number, d: number, nowUs: number): Promise<RawDone>;
  renew(a: number, b: number, c: number, d: number, nowUs: number): number;
  renewLater(a: number, b: number, c: number, d: number, nowUs: number): Promise<RawDone>;
  commandLater(json: string, nowUs: number): Promise<RawDone>;
  apply(json: string, nowUs: number): number;
  applyLater(json: string, nowUs: number): Promise<RawDone>;
  restoreLater(bytes: Uint8Array): Promise<RawDone>;
  peek(cost: number, holderLo: number, holderHi: number, nowUs: number): number;
  explain(nowUs: number): number;
  snapshot(): number;
}

/** An answer from the thread pool. */
export interface RawDone {
  /** Makes it the engine's last answer and tells its status, once. */
  load(): number;
  transaction(): RawTransaction | null;
  spool(): RawSpool | null;
}

/** The file's lock, held for one key. */
export interface RawTransaction {
  read(): Uint8Array | null;
  commit(bytes: Uint8Array, vacuousAtUs: number): number;
  commitLater(bytes: Uint8Array, vacuousAtUs: number): Promise<RawDone>;
  abort(): number;
}

/** An addon in this thread, and the engine over it. */
export interface Addon {
  readonly raw: RawAddon;
  readonly engine: Engine;
}

let loaded: Addon | undefined;

/**
 * The platform's addon, loaded when it is first wanted.
 * @throws EngineError naming the platform and the remedy, where there is none for it.
 */
export function addon(): Addon {
  loaded ??= addonOf(native());
  return loaded;
}

/** The engine over an addon's functions. */
export function addonOf(raw: RawAddon): Addon {
  return { raw, engine: new Engine(() => instance(raw)) };
}

/** Work in the thread pool. What goes wrong beside its answer is the engine's to tell. */
export async function pooled(engine: Engine, begin: () => Promise<RawDone>): Promise<RawDone> {
  try {
    return await begin();
  } catch (error) {
    throw engine.caught(error);
  }
}

/** The same, and its answer as the engine's last; `read` gets the status, and takes the rest out of the slot before anything else runs. */
export async function waited<T>(engine: Engine, begin: () => Promise<RawDone>, read: (status: number) => T): Promise<T> {
  engine.raw();
  const done = await pooled(engine, begin);
  return read(engine.run(() => done.load()));
}

/** Options as the addon takes them: what is undefined is left out. */
export const given = (options: object): RawStoreOptions =>
  Object.fromEntries(Object.entries(options).filter(([, value]) => value !== undefined));

function instance(raw: RawAddon): Instance {
  const words = raw.slot();
  const numbers = new Float64Array(words.buffer, words.byteOffset, 8);
  return {
    raw,
    words: () => words,
    numbers: () => numbers,
    isFatal: (error) => error instanceof Error && error.message.startsWith('the engine panicked'),
    restart: () => raw.restart(),
  };
}
