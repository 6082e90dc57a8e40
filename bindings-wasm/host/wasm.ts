import { Engine } from './engine.js';
import type { RawEngine } from './raw.js';

/** What wasm-bindgen generates: the raw engine's functions, and what starts them. */
export interface Glue extends RawEngine {
  initSync(module: { module: BufferSource | WebAssembly.Module }): { readonly memory: WebAssembly.Memory };
  slotAddress(): number;
  __wbg_reset_state(): void;
}

/**
 * The engine in WebAssembly, started synchronously: no `init` for anybody, no top-level await. The module is compiled
 * already, or its bytes are.
 */
export function wasmEngine(glue: Glue, module: () => BufferSource | WebAssembly.Module): Engine {
  const { memory } = glue.initSync({ module: module() });
  let [words, numbers] = views(memory, glue.slotAddress());
  let current = memory;
  // Memory that grows leaves views of length 0 behind.
  const renew = (): void => {
    [words, numbers] = views(current, glue.slotAddress());
  };
  return new Engine({
    raw: glue,
    words() {
      if (words.length === 0) renew();
      return words;
    },
    numbers() {
      if (numbers.length === 0) renew();
      return numbers;
    },
    // A stack that overflows in the middle of a call leaves a state half written, like a trap.
    isFatal: (error) => error instanceof WebAssembly.RuntimeError || error instanceof RangeError,
    restart() {
      glue.__wbg_reset_state();
      current = glue.initSync({ module: new Uint8Array() }).memory;
      renew();
    },
  });
}

function views(memory: WebAssembly.Memory, address: number): [Uint32Array, Float64Array] {
  return [new Uint32Array(memory.buffer, address, 16), new Float64Array(memory.buffer, address, 8)];
}
