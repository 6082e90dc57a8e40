// A page of a real Chromium, Debian's, on a server of its own.
import { createServer } from 'node:http';
import { readFile } from 'node:fs/promises';
import { once } from 'node:events';
import { extname, join, normalize } from 'node:path';

import { chromium } from 'playwright-core';

const TYPES = { '.html': 'text/html', '.js': 'text/javascript', '.mjs': 'text/javascript', '.json': 'application/json', '.wasm': 'application/wasm' };
const ARGS = [
  '--disable-gpu',
  '--disable-quic',
  '--no-first-run',
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-sync',
];

/**
 * Serves a folder on a free loopback port; `headers` go with every answer, and `routes` answer in place of files. Answers with its URL
 * and how to stop it.
 */
export async function serve(folder, headers = {}, routes = {}) {
  const server = createServer(async ({ url }, response) => {
    if (url in routes) return routes[url](response);
    const path = join(folder, normalize(new URL(url, 'http://localhost').pathname));
    const content = await readFile(path).catch(() => null);
    if (content === null) response.writeHead(404).end();
    else response.writeHead(200, { 'content-type': TYPES[extname(path)] ?? 'text/plain', ...headers }).end(content);
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const close = async () => {
    server.close();
    server.closeAllConnections();
    await once(server, 'close');
  };
  return { url: `http://127.0.0.1:${server.address().port}`, close };
}

/** Runs `use(browser)` with a Chromium that has a fresh profile. */
export async function withChromium(use) {
  const browser = await chromium.launch({
    executablePath: process.env.STANCHION_CHROMIUM ?? '/usr/bin/chromium',
    // As root there is no sandbox to be had.
    chromiumSandbox: process.getuid?.() !== 0,
    args: ARGS,
  });
  try {
    return await use(browser);
  } finally {
    await browser.close();
  }
}
