import { Engine } from './engine.js';
import type { Instance, RawEngine } from './raw.js';

/** What guarded calls make: an instance's own exports, without the functions that wasm-bindgen writes around others. */
type Hot = Pick<RawEngine, 'acquire' | 'acquirePlainly' | 'settle' | 'settlePlainly'>;

/** What wasm-bindgen generates: the raw engine's other functions, and what starts them. */
export interface Glue extends Omit<RawEngine, keyof Hot> {
  initSync(module: { module: BufferSource | WebAssembly.Module }): Hot & { readonly memory: WebAssembly.Memory };
  slotAddress(): number;
  __wbg_reset_state(): void;
}

/**
 * The engine in WebAssembly, started synchronously when it is first wanted: no `init` for anybody, no top-level await. The module is
 * compiled already, or its bytes are. Both are asked for then: where they lie in files of their own, nobody reads those before.
 */
export function wasmEngine(glue: () => Glue, module: () => BufferSource | WebAssembly.Module): Engine {
  return new Engine(() => start(glue(), module()));
}

function start(glue: Glue, module: BufferSource | WebAssembly.Module): Instance {
  let exports = glue.initSync({ module });
  let [words, numbers] = views(exports.memory, glue.slotAddress());
  // Memory that grows leaves views of length 0 behind.
  const renew = (): void => {
    [words, numbers] = views(exports.memory, glue.slotAddress());
  };
  const instance = {
    raw: whole(glue, exports),
    words() {
      if (words.length === 0) renew();
      return words;
    },
    numbers() {
      if (numbers.length === 0) renew();
      return numbers;
    },
    // A stack that overflows in the middle of a call leaves a state half written, like a trap.
    isFatal: (error: unknown) => error instanceof WebAssembly.RuntimeError || error instanceof RangeError,
    restart() {
      glue.__wbg_reset_state();
      exports = glue.initSync({ module: new Uint8Array() });
      instance.raw = whole(glue, exports);
      renew();
    },
  };
  return instance;
}

function whole(glue: Glue, { acquire, acquirePlainly, settle, settlePlainly }: Hot): RawEngine {
  return { ...glue, acquire, acquirePlainly, settle, settlePlainly };
}

function views(memory: WebAssembly.Memory, address: number): [Uint32Array, Float64Array] {
  return [new Uint32Array(memory.buffer, address, 16), new Float64Array(memory.buffer, address, 8)];
}
