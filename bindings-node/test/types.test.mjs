// The types promise what `test/types` writes down, and let everything compile that stands on the README.
import { execFileSync } from 'node:child_process';
import { mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import test, { after } from 'node:test';
import { fileURLToPath } from 'node:url';

import { BLOCKS, rows, statements } from './support/readme.mjs';

const compiler = join(dirname(createRequire(import.meta.url).resolve('typescript/package.json')), 'bin/tsc');
const types = fileURLToPath(new URL('types', import.meta.url));
// Inside of the package, so that what stands on the page can import it by its name.
const folder = mkdtempSync(join(types, '.page-'));
after(() => rmSync(folder, { recursive: true }));

/** What the cells of the tables speak of. */
const CELLS = `import { type CircuitConfig, type Call, type ExecuteOptions, type LocalPolicy, type Policy, type PolicyConfig, type PolicyOptions } from 'stanchion';
import { type RejectedError, type TimeoutError, definePolicy, isStanchionError, nest } from 'stanchion';
type Options = Partial<Omit<PolicyConfig, 'classify'>> & Partial<CircuitConfig> & ExecuteOptions<string> & Omit<PolicyOptions, 'classify'>;
declare const config: PolicyConfig;
declare const policy: LocalPolicy;
declare const [a, b]: [Policy, Policy];
declare const fn: (...args: unknown[]) => Promise<string>;
declare const args: unknown[];
declare const signal: AbortSignal;
declare const bytes: Uint8Array;
declare const error: unknown;
declare const isExpected: (error: unknown) => boolean;
void [config, policy, a, b, fn, args, signal, bytes, error, isExpected, definePolicy, isStanchionError, nest];
type Word = keyof Options | keyof Call | keyof RejectedError | keyof TimeoutError;
export type Used = [Options, Word];
`;

test('moving a policy into a store changes one line, and nothing that is wrong compiles; the README does', () => {
  for (const [at, [, code]] of BLOCKS.entries()) writeFileSync(join(folder, `block-${at}.mts`), `${code}\nexport {};\n`);
  for (const from of ['opossum', 'cockatiel']) {
    const cells = rows(`Moving from ${from}`).flatMap(([, ours]) => statements(ours));
    writeFileSync(join(folder, `${from}.mts`), `${CELLS}${cells.join('\n')}\n`);
  }
  const project = join(folder, 'tsconfig.json');
  // What stands on a page may be defined without being used. A folder with a dot is never found by `include`.
  const compilerOptions = { noUnusedLocals: false };
  writeFileSync(project, JSON.stringify({ extends: '../tsconfig.json', compilerOptions, files: readdirSync(folder), include: ['../*.ts'] }));
  execFileSync(process.execPath, [compiler, '-p', project], { stdio: ['ignore', 'inherit', 'inherit'] });
});
