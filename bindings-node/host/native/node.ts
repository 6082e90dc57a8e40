/** The addon's functions where there are files: from the platform's package. */
import { existsSync } from 'node:fs';
import { createRequire } from 'node:module';
import { fileURLToPath } from 'node:url';

import { EngineError } from 'stanchion-wasm/host';

import type { RawAddon } from '../addon.js';
import { PLATFORMS, platform } from '../platform.js';

const require = createRequire(import.meta.url);

export default function native(): RawAddon {
  const name = platform();
  const path = find(name);
  try {
    return require(path) as RawAddon;
  } catch (cause) {
    throw new EngineError({ code: 'addon_broken', message: `the addon for ${name} cannot be loaded: ${String(cause)}`, path, cause });
  }
}

/** In the repository the addon lies in the package's folder, two above the file that this becomes. */
function find(name: string): string {
  const built = fileURLToPath(new URL(`../../stanchion.${name}.node`, import.meta.url));
  if (existsSync(built)) return built;
  try {
    return require.resolve(`stanchion-${name}`);
  } catch (cause) {
    throw new EngineError({ code: 'no_addon', message: `no addon for ${name}: ${remedy(name)}`, cause });
  }
}

function remedy(name: string): string {
  if (!(PLATFORMS as readonly string[]).includes(name)) return `\`stanchion/store\` has one for ${PLATFORMS.join(', ')}`;
  return `\`stanchion/store\` needs the package \`stanchion-${name}\`; install \`stanchion\` on this platform, with its optional dependencies`;
}
