// Opens a page at two origins in a browser and prints, as JSON, the origin that a server is to allow. Then reads one line,
// the address of the server, lets both pages export there, and prints what they say of it.
import { createServer } from 'node:http';
import { createInterface } from 'node:readline/promises';
import { build } from 'esbuild';
import { launch } from '../../ui/web/e2e/browser.mjs';

/** Long enough for any machine where an export must succeed, and short where it cannot. */
const PATIENCE = 60_000;
const IMPATIENCE = 1_000;
const BEACON_TRACE_ID = '5b8efff798038103d269b633813fc60c';

const bundle = await build({
  entryPoints: ['page.mjs'],
  bundle: true,
  write: false,
  format: 'iife',
  platform: 'browser',
  conditions: ['browser'],
  logLevel: 'error',
});
const script = bundle.outputFiles[0].text;

/** A server of the page, and its origin. */
async function serve() {
  const server = createServer((request, response) => {
    const isScript = request.url === '/page.js';
    response.setHeader('content-type', isScript ? 'text/javascript' : 'text/html; charset=utf-8');
    response.end(isScript ? script : '<!doctype html><title>shop</title><script src="/page.js"></script>');
  });
  await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve));
  return { server, origin: `http://127.0.0.1:${server.address().port}` };
}

const hosts = [await serve(), await serve()];
const browser = await launch();
try {
  const context = await browser.newContext();
  const pages = [];
  for (const { origin } of hosts) {
    const page = await context.newPage();
    await page.goto(origin, { timeout: PATIENCE });
    pages.push(page);
  }
  const [allowed, other] = pages;
  console.log(JSON.stringify({ allowed_origin: hosts[0].origin }));

  const input = createInterface({ input: process.stdin });
  const endpoint = await new Promise((resolve) => input.once('line', resolve));
  const order = (page, service, encoding, timeout) =>
    page.evaluate((words) => globalThis.order(...words), [service, encoding, endpoint, timeout]);
  // Whether the first page may export decides how long it is worth waiting for.
  const probe = await allowed.evaluate(
    (url) => fetch(url, { method: 'POST', headers: { 'content-type': 'application/json' }, body: '{}' }).then(() => true, () => false),
    `${endpoint}/v1/traces`,
  );
  const timeout = probe ? PATIENCE : IMPATIENCE;
  const json = await order(allowed, 'json-page', 'json', timeout);
  const protobuf = await order(allowed, 'protobuf-page', 'protobuf', timeout);
  await allowed.evaluate((words) => globalThis.beacon(...words), [endpoint, BEACON_TRACE_ID]);
  const refused = await order(other, 'other-page', 'json', IMPATIENCE);
  console.log(JSON.stringify({ json, protobuf, other: refused, beacon_trace_id: BEACON_TRACE_ID }));
  input.close();
} finally {
  await browser.close();
  for (const { server } of hosts) server.close();
}
