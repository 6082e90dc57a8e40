// Whether Node has searched a CommonJS file for its exports: before an import, after one, and after that of what bundlers follow.
const hasSearched = () => process.moduleLoadList.some((name) => name.includes('cjs-module-lexer'));

const found = [hasSearched()];
for (const what of ['stanchion', './node_modules/stanchion/bundle/node/index.bundler.mjs']) {
  await import(what);
  found.push(hasSearched());
}
console.log(JSON.stringify(found));
