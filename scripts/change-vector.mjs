// Changes one expectation in a folder of vectors and prints the id of the vector: `node scripts/change-vector.mjs <folder> answer|state`.
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join, sep } from 'node:path';

const [folder, kind] = process.argv.slice(2);
const change = { answer: changeAnswer, state: changeState }[kind];
if (change === undefined) throw new Error('usage: node scripts/change-vector.mjs <folder> answer|state');

/** Another answer of the same shape is not needed: nothing is answered like this. */
function changeAnswer(step) {
  if (step.expect?.answer === undefined) return false;
  step.expect.answer = { changed: 'by the meta-test' };
  return true;
}

/** The last hexadecimal digit becomes another one. */
function changeState(step) {
  if (typeof step.state !== 'string') return false;
  const last = Number.parseInt(step.state.at(-1), 16);
  step.state = step.state.slice(0, -1) + ((last + 1) % 16).toString(16);
  return true;
}

const files = readdirSync(folder, { recursive: true }).filter((name) => name.endsWith('.json')).sort();
for (const name of files) {
  const path = join(folder, name);
  const file = JSON.parse(readFileSync(path, 'utf8'));
  const vector = (file.vectors ?? []).find(({ steps = [] }) => steps.some(change));
  if (vector === undefined) continue;
  writeFileSync(path, JSON.stringify(file));
  console.log(`${name.slice(0, -'.json'.length).split(sep).join('/')}/${vector.name}`);
  process.exit(0);
}
throw new Error(`no ${kind} to change below ${folder}`);
