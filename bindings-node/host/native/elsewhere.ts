/** The addon's functions where there are no files: none. */
import { EngineError } from 'stanchion-wasm/host';

import type { RawAddon } from '../addon.js';

export default function native(): RawAddon {
  const message =
    'no addon for this runtime: `stanchion/store` needs files, in Node, Deno or Bun; keep a state by `snapshot` and `restore` here';
  throw new EngineError({ code: 'no_addon', message });
}
