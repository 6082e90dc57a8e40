/** The run as a page, by the command that turns any run into one. */
import { execFileSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';

/** What `cargo build --bin stanchion` makes, or another one. */
const COMMAND = process.env.DEMO_STANCHION ?? fileURLToPath(new URL('../../../target/debug/stanchion', import.meta.url));

/** Writes the page of a file of events, and says where it lies. */
export function writeReport(events) {
  return JSON.parse(execFileSync(COMMAND, ['report', events, '--json'], { encoding: 'utf8' })).page;
}
