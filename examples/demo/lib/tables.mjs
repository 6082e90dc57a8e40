/** The tables at the end of a run. */
import { answerName } from './timeline.mjs';

/** What the upstream received, by host and answer, and what the hosts refused themselves. */
export function received(lines) {
  const hosts = [...new Set(lines.filter((line) => line.kind === 'started').map((line) => line.host))];
  const rows = hosts.map((host) => {
    const own = lines.filter((line) => line.host === host);
    const of = (kind) => own.filter((line) => line.kind === kind).length;
    const answered = (name) => own.filter((line) => line.kind === 'answer' && answerName(line.status) === name).length;
    return [host, of('call'), answered('ok'), answered('failed'), answered('throttled'), answered('none'), of('cancelled'), of('rejected')];
  });
  const sums = ['all', ...[1, 2, 3, 4, 5, 6, 7].map((column) => rows.reduce((sum, row) => sum + row[column], 0))];
  return table(['host', 'received', '2xx', '503', '429', 'no answer', 'given back', 'refused'], [...rows, sums]);
}

/** Each law: what the policy allows, what was observed, the verdict. */
export function laws(verdicts) {
  const rows = verdicts.map(({ law, allowed, observed, breaches }) => [law, allowed, observed, breaches.length === 0 ? 'held' : 'BROKEN']);
  return table(['law', 'allowed', 'observed', 'verdict'], rows);
}

/** The first breaches of each law as sentences. */
export function breaches(verdicts, most = 5) {
  return verdicts.flatMap(({ law, breaches: texts }) => {
    const shown = texts.slice(0, most).map((text) => `breach of ${law}: ${text}`);
    return texts.length > most ? [...shown, `breach of ${law}: and ${texts.length - most} more`] : shown;
  });
}

/** Numbers to the right, words to the left. */
export function table(head, rows) {
  const widths = head.map((title, i) => Math.max(title.length, ...rows.map((row) => String(row[i]).length)));
  const line = (cells) =>
    cells
      .map((cell, i) => (typeof rows[0]?.[i] === 'number' ? String(cell).padStart(widths[i]) : String(cell).padEnd(widths[i])))
      .join('  ')
      .trimEnd();
  return [line(head), widths.map((width) => '-'.repeat(width)).join('  '), ...rows.map(line)].join('\n');
}
