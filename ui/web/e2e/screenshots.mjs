// Pictures of every page in both themes and two widths, for looking at.
// Usage: node e2e/screenshots.mjs --out DIR [--base-url URL]; without a URL it starts the mock.
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { startMock } from '../dev/mock-server.mjs';
import { launch, option } from './browser.mjs';

const out = option('out') ?? 'screenshots';
mkdirSync(out, { recursive: true });
const mock = option('base-url') ? null : await startMock();
const base = option('base-url') ?? `http://127.0.0.1:${mock.port}`;
const only = option('only');
const browser = await launch();

const find = async (query) => {
  const answer = await fetch(`${base}/api/v1/traces?limit=1&${query}`);
  return (await answer.json()).traces[0];
};
const order = await find(`q=${encodeURIComponent('name:"POST /api/orders"')}`);
const failed = (await find(`q=${encodeURIComponent('status:error service:payment')}`)) ?? order;
const span = (hit) => hit.matched.span_id;

const shots = {
  traces: '/traces?t=24h',
  trace: `/trace/${order.trace_id}`,
  drawer: `/trace/${failed.trace_id}?span=${span(failed)}`,
  attributes: `/trace/${order.trace_id}?span=${span(order)}&tab=attributes`,
  alllogs: `/trace/${order.trace_id}?tab=all-logs`,
  logs: '/logs?t=24h',
  connect: '/connect',
  nothing: '/traces?q=service:nope&t=24h',
};

for (const theme of ['light', 'dark']) {
  for (const [width, height] of [
    [1440, 900],
    [390, 844],
  ]) {
    const context = await browser.newContext({ viewport: { width, height }, colorScheme: theme });
    const page = await context.newPage();
    page.on('console', (m) => m.type() === 'error' && console.log('console:', m.text()));
    page.on('pageerror', (e) => console.log('pageerror:', e.message));
    for (const [name, path] of Object.entries(shots)) {
      if (only && !only.split(',').includes(name)) continue;
      await page.goto(base + path, { waitUntil: 'networkidle' });
      await page.screenshot({ path: join(out, `${name}-${theme}-${width}.png`) });
    }
    await context.close();
  }
}
await browser.close();
mock?.close();
