// What the documents promise, as functions: links lead somewhere, files and tests that they name are there, embedded examples
// are the files that the tests run, and no tracked file names a path of somebody's machine or the host of a package registry.
//
// `node scripts/docs.mjs --write` copies the example files into the documents again.
import { execFileSync } from 'node:child_process';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join, normalize } from 'node:path';
import { fileURLToPath } from 'node:url';

export const root = join(dirname(fileURLToPath(import.meta.url)), '..');

/** The files that git tracks, and new ones that it does not ignore, as paths from the root. */
export function trackedFiles() {
  const list = execFileSync('git', ['ls-files', '-z', '--cached', '--others', '--exclude-standard'], { cwd: root });
  return list.toString().split('\0').filter((path) => path !== '' && existsSync(join(root, path)));
}

export const isThere = (path) => existsSync(join(root, path));
export const read = (path) => (isThere(path) ? readFileSync(join(root, path), 'utf8') : undefined);

/** The text without its fenced code, in which brackets are no links and `#` begins no heading. */
const withoutCode = (text) => text.replace(/^(```+)[^\n]*\n[\s\S]*?^\1`*$/gm, '').replace(/`[^`\n]*`/g, '``');

/** The anchors that a heading gets, by GitHub's rule. */
export function anchors(text) {
  const found = new Set();
  for (const [, title] of text.replace(/^(```+)[^\n]*\n[\s\S]*?^\1`*$/gm, '').matchAll(/^#{1,6} +(.+)$/gm)) {
    found.add(title.trim().toLowerCase().replace(/[^\p{L}\p{N} _-]/gu, '').replaceAll(' ', '-'));
  }
  return found;
}

/** Links of one document that lead nowhere, as messages. `readText(path)` is the text of a file or undefined. */
export function brokenLinks(path, text, readText, isThere) {
  const broken = [];
  for (const [, target] of withoutCode(text).matchAll(/\]\(([^)\s]+)(?: "[^"]*")?\)/g)) {
    if (/^[a-z]+:/.test(target)) continue;
    const [file, anchor] = target.split('#');
    const to = file === '' ? path : normalize(join(dirname(path), file));
    if (!isThere(to)) broken.push(`${path}: link to ${target}, which is not there`);
    else if (anchor && !anchors(readText(to)).has(anchor)) broken.push(`${path}: link to ${target}, which has no such heading`);
  }
  return broken;
}

/** What a document shows of a file: all of it, or what stands between `readme:start` and `readme:end`, moved to the left. */
export function excerpt(text) {
  const lines = text.trimEnd().split('\n');
  const start = lines.findIndex((line) => line.includes('readme:start'));
  const end = lines.findIndex((line) => line.includes('readme:end'));
  if (start < 0 || end < start) return lines.join('\n');
  const shown = lines.slice(start + 1, end);
  const indents = shown.filter((line) => line.trim() !== '').map((line) => line.match(/^\s*/)[0].length);
  const indent = Math.min(...indents);
  return shown.map((line) => line.slice(indent)).join('\n');
}

const EMBED = /(<!-- embed: (\S+) -->\n```\w*\n)([\s\S]*?)(```\n<!-- \/embed -->)/g;

/** The document with every embedded file as it is now; where `readText(path)` is undefined, as it was. */
export function embedded(text, readText) {
  return text.replace(EMBED, (whole, head, path, _old, tail) => {
    const file = readText(path);
    return file === undefined ? whole : `${head}${excerpt(file)}\n${tail}`;
  });
}

/** The files that a document embeds. */
export const embeds = (text) => [...text.matchAll(EMBED)].map((match) => match[2]);

/** Paths, from the root or from the document, that it names as code and that are not there, as messages. */
export function missingPaths(path, text, isThere) {
  const named = [...text.matchAll(/`((?:core|store|bindings-\w+|benches|examples|xtask|scripts)\/[\w./-]*)`/g)].map((match) => match[1]);
  const isMissing = (to) => !isThere(to) && !isThere(join(dirname(path), to));
  return named.filter(isMissing).map((to) => `${path}: names ${to}, which is not there`);
}

/** Tests that a document names, as `file: test, test`, and that the file does not have, as messages. */
export function missingTests(path, text, readText, isThere) {
  return [...text.matchAll(/`([\w./-]+\.\w+): ([^`]+)`/g)].flatMap(([, file, tests]) => {
    if (!isThere(file)) return [`${path}: names tests of ${file}, which is not there`];
    const there = readText(file);
    return tests.split(', ').filter((name) => !there.includes(name)).map((name) => `${path}: ${file} has no test ${name}`);
  });
}

// Put together from parts, so that this file is no find of its own.
const TRACES = new RegExp(
  [`/${'work'}/`, `/${'root'}/`, `/${'tmp'}/bash_jobs`, String.raw`https?://(?:registry|proxy|static|files|deb|index)\.`].join('|'),
);

/** Lines that name a path of the machine that they were written on, or a registry's host. */
export function traces(path, text) {
  return text.split('\n').flatMap((line, at) => (TRACES.test(line) ? [`${path}:${at + 1}: ${line.trim().slice(0, 120)}`] : []));
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  if (process.argv[2] !== '--write') throw new Error('usage: node scripts/docs.mjs --write');
  for (const path of trackedFiles().filter((name) => name.endsWith('.md'))) {
    const [text, wanted] = [read(path), embedded(read(path), read)];
    if (text !== wanted) writeFileSync(join(root, path), wanted);
  }
}
