// The code on the package's README: its blocks of TypeScript, and the cells of its tables for those who move here.
import { readFileSync } from 'node:fs';

const page = readFileSync(new URL('../../README.md', import.meta.url), 'utf8');

/** The blocks as `[heading, code]`, in the order in which they stand. */
export const BLOCKS = [...page.matchAll(/^### (.+)$|^```ts\n([\s\S]*?)^```$/gm)].reduce(
  ({ title, found }, [, heading, code]) => (heading ? { title: heading, found } : { title, found: [...found, [title, code]] }),
  { title: 'the first example', found: [] },
).found;

/** The rows of the table below a heading, as its cells. */
export function rows(heading) {
  const [, section] = page.split(`## ${heading}\n`);
  const lines = section
    .split('\n## ')[0]
    .split('\n')
    .filter((line) => line.startsWith('| '));
  return lines.slice(1).map((line) => line.slice(2, -2).split(' | '));
}

/** What a dotted part of a cell stands for. */
const DOTS = [
  ['…args', '...args'],
  ['definePolicy(…)', 'definePolicy(config)'],
  [/^execute\(…\)/, 'policy.execute(fn)'],
];

/** A piece of code of a cell as a statement: a whole one, an option with its value, the name of one, or an expression. */
function statement(code) {
  if (/^const /.test(code)) return `{ ${code}; void policy; }`;
  if (/^\w+: /.test(code)) return `({ ${code} }) satisfies Options;`;
  if (/^\w+$/.test(code)) return `'${code}' satisfies Word;`;
  return `void (${code});`;
}

/** The code of a cell as statements. */
export function statements(cell) {
  const pieces = [...cell.replaceAll('\\|', '|').matchAll(/`([^`]+)`/g)].map(([, code]) => code);
  return pieces.map((code) => statement(DOTS.reduce((text, [dots, instead]) => text.replace(dots, instead), code)));
}
