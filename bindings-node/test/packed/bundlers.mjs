// The bundlers that people build pages with. Each makes one minified file of an entry and what it imports.
import { join } from 'node:path';

import { build as esbuild } from 'esbuild';
import { build as vite } from 'vite';
import webpack from 'webpack';

/** By name: `(folder, entry, out)`, the entry in the folder; the file is `out/page.js`. */
export const BUNDLERS = {
  async esbuild(folder, entry, out) {
    const entryPoints = { page: join(folder, entry) };
    await esbuild({ entryPoints, outdir: out, bundle: true, minify: true, format: 'esm', logLevel: 'warning' });
  },

  async vite(folder, entry, out) {
    const output = { entryFileNames: 'page.js' };
    const build = { outDir: out, modulePreload: false, rolldownOptions: { input: join(folder, entry), output } };
    await vite({ root: folder, configFile: false, logLevel: 'warn', build });
  },

  async webpack(folder, entry, out) {
    const compiler = webpack({
      mode: 'production',
      context: folder,
      entry: `./${entry}`,
      output: { path: out, filename: 'page.js' },
      performance: false,
    });
    const stats = await new Promise((resolve, reject) => {
      compiler.run((error, stats) => (error ? reject(error) : compiler.close(() => resolve(stats))));
    });
    if (stats.hasErrors() || stats.hasWarnings()) throw new Error(stats.toString());
  },
};
