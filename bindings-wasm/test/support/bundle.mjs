import { build } from 'esbuild';

/**
 * Bundles a module and what it imports into one file of `folder`, with the export conditions of a runtime. A `.wasm` file that
 * is imported lies beside it under its own name.
 */
export async function bundle(entry, folder, conditions) {
  await build({
    entryPoints: [entry],
    outdir: folder,
    bundle: true,
    format: 'esm',
    target: 'es2022',
    conditions,
    loader: { '.wasm': 'copy' },
    assetNames: '[name]',
    logLevel: 'warning',
  });
}
