// Whatever a user can name has a text that shows when the mouse rests on it: each export, and each member of it.
import assert from 'node:assert/strict';
import { createRequire } from 'node:module';
import test from 'node:test';
import { fileURLToPath } from 'node:url';

import { ENTRIES } from '../scripts/conditions.mjs';

const ts = createRequire(import.meta.url)('@typescript/typescript6');

/** Members that say all by their names: a plain number of µs, ms or basis points, a count, a name. */
const SPEAKING =
  /^(count|of|calls|minimumCalls|failures|slow|failureRateBp|slowCallRateBp|live|permits|successes|name|policy|key|type|code|message|field|value|allowed|path|cause|isOk|error|admitted|event)$/;

const files = ENTRIES.map((entry) => fileURLToPath(new URL(`../dist/${entry}.d.ts`, import.meta.url)));
const options = { module: ts.ModuleKind.NodeNext, noLib: true, types: [] };
const program = ts.createProgram(files, options);
const checker = program.getTypeChecker();

const resolved = (symbol) => (symbol.flags & ts.SymbolFlags.Alias ? checker.getAliasedSymbol(symbol) : symbol);
const isOurs = (symbol) =>
  symbol.declarations?.some((declaration) => !declaration.getSourceFile().fileName.includes('/node_modules/'));
const isInternal = (symbol) => symbol.getJsDocTags(checker).some(({ name }) => name === 'internal');
const hasText = (symbol) => symbol.getDocumentationComment(checker).length > 0 || symbol.getJsDocTags(checker).length > 0;
const isHidden = (declaration) =>
  ts.getCombinedModifierFlags(declaration) & ts.ModifierFlags.Private || declaration.name?.kind === ts.SyntaxKind.PrivateIdentifier;
const isPrivate = (symbol) => symbol.declarations.some(isHidden);

function* undocumented(symbol, path) {
  if (!hasText(symbol)) yield path;
  for (const [name, member] of symbol.members ?? []) {
    if (/^__/.test(name) || !isOurs(member) || isInternal(member) || isPrivate(member) || SPEAKING.test(name)) continue;
    // What overrides or implements a documented member inherits its text in editors.
    if (member.declarations.some((declaration) => ts.isTypeParameterDeclaration(declaration))) continue;
    if (!hasText(member) && !inherits(symbol, name)) yield `${path}.${name}`;
  }
}

/** Whether a base class or an interface has the text. */
function inherits(symbol, name) {
  const clauses = symbol.declarations
    .flatMap((declaration) => declaration.heritageClauses ?? [])
    .flatMap(({ types }) => [...types]);
  return clauses.some((type) => {
    const inherited = checker.getTypeAtLocation(type).getProperty(String(name).replace(/^__@/, ''));
    return inherited !== undefined && hasText(inherited);
  });
}

test('each export and its members have a text', () => {
  const missing = new Set();
  let count = 0;
  for (const file of files) {
    for (const symbol of checker.getExportsOfModule(checker.getSymbolAtLocation(program.getSourceFile(file)))) {
      count += 1;
      for (const path of undocumented(resolved(symbol), symbol.name)) missing.add(path);
    }
  }
  assert(count > 100, `${count} exports`);
  assert.deepEqual([...missing], []);
});
