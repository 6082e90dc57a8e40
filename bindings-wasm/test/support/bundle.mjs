import { build } from 'esbuild';

/**
 * Bundles a module and what it imports into one file of `folder`, with the export conditions of a runtime; `external`
 * modules are the runtime's own. A `.wasm` file that is imported lies beside it under its own name, or as `assetNames` says.
 */
export async function bundle(entry, folder, conditions, external = [], assetNames = '[name]') {
  await build({
    entryPoints: [entry],
    outdir: folder,
    bundle: true,
    format: 'esm',
    target: 'es2022',
    conditions,
    external,
    loader: { '.wasm': 'copy' },
    assetNames,
    logLevel: 'warning',
  });
}
