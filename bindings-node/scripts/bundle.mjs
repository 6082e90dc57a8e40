// Bundles the package: `bundle/<condition>/` has the JavaScript with its source maps, and the declarations. Wants what `tsc`
// made of both layers in `dist`. `node bundle.mjs --exports` writes `exports` into package.json instead.
import { copyFileSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { isDeepStrictEqual } from 'node:util';

import { rolldown } from 'rolldown';
import { rollup } from 'rollup';
import { dts } from 'rollup-plugin-dts';

import { BUNDLES, ENTRIES, exportsOf } from './conditions.mjs';
import { BYTES, PARTS, SHORT, readLate } from './parts.mjs';
import { wrap } from './wrappers.mjs';

/** The declarations bring what they need of `using` along: their users' `lib` may be older than it. */
const WITH_DISPOSABLE = '/// <reference lib="esnext.disposable" />';

const here = fileURLToPath(new URL('..', import.meta.url));
const wasm = join(here, '../bindings-wasm');
const out = join(here, 'bundle');
const WASM_FILE = 'stanchion_bg.wasm';

const inputs = (folder, extension) => Object.fromEntries(ENTRIES.map((entry) => [entry, join(here, folder, entry + extension)]));

/** What is not ours stays an import: Node's own modules, and packages that the user has. */
const isForeign = (id) => /^[^./#\0]/.test(id) && !id.startsWith('stanchion-wasm');

/** The `.wasm` file lies once in the package, beside the folders of the conditions: above `<condition>/layer/module/`. */
const wasmBeside = {
  name: 'wasm-beside',
  resolveId: (id) => (/\.wasm(\?module)?$/.test(id) ? { id: `../../../${id.slice(id.lastIndexOf('/') + 1)}`, external: true } : null),
};

/** Nobody debugs into the module's bytes: they have no place in a source map. */
const bytesWithoutMap = {
  name: 'bytes-without-map',
  load: (id) => (BYTES.includes(id) ? { code: readFileSync(id, 'utf8'), map: { mappings: '' } } : null),
};

async function bundleScripts({ name, module, native, isCommonJs }) {
  const bundle = await rolldown({
    input: inputs('host', '.ts'),
    platform: isCommonJs ? 'node' : 'neutral',
    external: isForeign,
    plugins: [wasmBeside, bytesWithoutMap, isCommonJs && readLate(await exportsOfEntry('index'))],
    preserveEntrySignatures: isCommonJs ? 'allow-extension' : 'strict',
    resolve: {
      extensionAlias: { '.js': ['.ts', '.js'] },
      alias: {
        'stanchion-wasm/host': join(wasm, 'host/host.ts'),
        'stanchion-wasm/testing': join(wasm, 'host/testing.ts'),
        'stanchion-wasm': join(wasm, 'host/index.ts'),
        '#module': join(wasm, `host/module/${module}.ts`),
        '#native': join(here, `host/native/${native}.ts`),
      },
    },
    treeshake: { moduleSideEffects: !isCommonJs },
    transform: { target: 'es2022' },
  });
  const shape = isCommonJs
    ? { format: 'cjs', exports: 'named', entryFileNames: '[name].cjs', chunkFileNames: '[name].cjs', codeSplitting: PARTS, ...SHORT }
    : { format: 'esm', preserveModules: true, preserveModulesRoot: join(here, '..'), entryFileNames: moduleName };
  await bundle.write({ dir: join(out, name), sourcemap: true, ...shape });
  await bundle.close();
}

/**
 * ES modules stay one file each: then every bundler leaves out those that are not used, without having to prove of each
 * statement that it has no effect.
 */
function moduleName({ name }) {
  return `${name.replace('bindings-node/host/', '').replace('bindings-wasm/host/', 'layer/').replace('bindings-wasm/', '')}.js`;
}

/** What an entry exports. */
const exportsOfEntry = (entry) => import(`../dist/${entry}.js`);

async function bundleTypes() {
  const layers = Object.fromEntries(
    ['index', 'host', 'testing'].map((name) => [`stanchion-wasm${name === 'index' ? '' : `/${name}`}`, join(wasm, `dist/${name}.d.ts`)]),
  );
  const fromLayers = { name: 'layers', resolveId: (id) => layers[id] ?? null };
  const bundle = await rollup({ input: inputs('dist', '.d.ts'), external: isForeign, plugins: [fromLayers, dts()] });
  for (const { name, isCommonJs } of BUNDLES) {
    const extension = isCommonJs ? '.d.cts' : '.d.ts';
    const chunk = ({ name }) => `${name.replace(/\.d$/, '')}${extension}`;
    const entryFileNames = `[name]${extension}`;
    await bundle.write({ dir: join(out, name), entryFileNames, chunkFileNames: chunk, banner: WITH_DISPOSABLE });
  }
  await bundle.close();
}

const manifestPath = join(here, 'package.json');
const manifest = JSON.parse(readFileSync(manifestPath, 'utf8'));
if (process.argv.includes('--exports')) {
  writeFileSync(manifestPath, `${JSON.stringify({ ...manifest, exports: exportsOf() }, null, 2)}\n`);
} else {
  if (!isDeepStrictEqual(manifest.exports, exportsOf())) {
    throw new Error('`exports` of package.json is not what scripts/conditions.mjs says: run `node scripts/bundle.mjs --exports`');
  }
  rmSync(out, { recursive: true, force: true });
  mkdirSync(out);
  copyFileSync(join(wasm, 'pkg', WASM_FILE), join(out, WASM_FILE));
  for (const condition of BUNDLES) await bundleScripts(condition);
  await bundleTypes();
  for (const { name } of BUNDLES.filter(({ isCommonJs }) => isCommonJs)) {
    for (const entry of ENTRIES) wrap(join(out, name), entry, Object.keys(await exportsOfEntry(entry)));
  }
}
