// The browser story: someone looks for an order, opens it, reads it by keyboard, finds its logs. Then every page is
// checked by axe in both themes. Usage: npm run e2e -- --base-url http://127.0.0.1:4319; without a URL the mock is used.
// It waits for conditions, never for time, and fails with what it expected and what it saw.
import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { startMock } from '../dev/mock-server.mjs';
import { launch, option } from './browser.mjs';

const DEADLINE = 20_000;
const AXE = await readFile(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8');
const QUERY = 'name:"POST /api/orders"';

const mock = option('base-url') ? null : await startMock();
const base = (option('base-url') ?? `http://127.0.0.1:${mock.port}`).replace(/\/$/, '');
const browser = await launch();
const complaints = [];

try {
  const context = await browser.newContext({ viewport: { width: 1440, height: 900 }, colorScheme: 'light' });
  const page = await context.newPage();
  page.setDefaultTimeout(DEADLINE);
  listen(page);
  const traceId = await findOrder(page);
  await readByKeyboard(page);
  const { spanId, log } = await seeLogsOfASpan(page, traceId);
  await searchInside(page);
  await zoom(page);
  await shareByUrl(context, page.url(), spanId);
  await pasteAnId(page, traceId);
  await searchLogs(page, traceId, log);
  await comeBack(page);
  await changeTheme(page);
  await axeEverywhere(context, traceId, spanId);
  assert.deepEqual(complaints, [], 'the browser complained, or something outside was asked for');
  console.log('browser story: all good');
} finally {
  await browser.close();
  mock?.close();
}

function step(text) {
  console.log(`- ${text}`);
}

/** Errors, violations of the content security policy and requests to other places are failures. */
function listen(page) {
  page.on('pageerror', (error) => complaints.push(`uncaught: ${error.message}`));
  page.on('console', (message) => message.type() === 'error' && complaints.push(`console: ${message.text()}`));
  page.on('request', (request) => {
    if (!request.url().startsWith(`${base}/`)) complaints.push(`request to ${request.url()}`);
  });
}

async function findOrder(page) {
  step(`search the traces for ${QUERY} and open an order that went through the whole shop`);
  await page.goto(`${base}/traces`);
  const box = page.getByRole('combobox', { name: /Search traces/ });
  await box.fill(QUERY);
  await box.press('Escape');
  await box.press('Control+k');
  await box.press('Enter');
  await page.waitForURL((url) => url.searchParams.get('q') === QUERY);

  const traceId = await page.evaluate(wholeOrder, { query: QUERY, millis: DEADLINE });
  assert.notEqual(traceId, null, `within ${DEADLINE} ms no order with five services, one root and logs of its spans arrived`);
  await page.getByRole('button', { name: 'Search again' }).click();
  const link = page.locator(`a[href="/trace/${traceId}"]`);
  await link.waitFor();
  assert.equal(await link.innerText(), 'POST /api/orders', 'the name of the root span in the list');
  await link.click();
  await page.waitForURL((url) => url.pathname === `/trace/${traceId}`);
  return traceId;
}

/** Runs in the page. An order is worth reading once its spans and logs have arrived from every service. */
async function wholeOrder({ query, millis }) {
  const get = async (path) => (await fetch(`/api/v1${path}`)).json();
  for (const end = performance.now() + millis; performance.now() < end; ) {
    const { traces } = await get(`/traces?q=${encodeURIComponent(query)}&limit=50`);
    for (const { trace_id } of traces.filter((trace) => trace.services.length >= 5 && trace.root !== null)) {
      const { spans } = await get(`/traces/${trace_id}/skeleton`);
      const { logs } = await get(`/logs?trace_id=${trace_id}&order=oldest`);
      const roots = spans.parent.filter((parent) => parent < 0).length;
      if (roots === 1 && logs.some((log) => log.span_id)) return trace_id;
    }
    await new Promise((asked) => setTimeout(asked, 200));
  }
  return null;
}

async function rowCount(page) {
  return Number(await page.getByRole('treegrid').getAttribute('aria-rowcount'));
}

async function focusedLabel(page) {
  return page.evaluate(() => document.activeElement?.getAttribute('aria-label') ?? document.activeElement?.tagName);
}

async function readByKeyboard(page) {
  step('fold, unfold and walk the waterfall by keyboard');
  const first = page.locator('[role=row][aria-rowindex="2"]');
  await first.waitFor();
  const all = await rowCount(page); // It may still grow: spans of a young trace arrive late.
  assert.ok(all > 10, `an order has more than ten spans; the treegrid counts ${all - 1}`);
  await first.focus();
  await page.keyboard.press('ArrowLeft');
  await page.waitForFunction(() => document.querySelector('[role=treegrid]').getAttribute('aria-rowcount') === '2');
  assert.equal(await first.getAttribute('aria-expanded'), 'false', 'the folded root says so');
  await page.keyboard.press('ArrowRight');
  await page.waitForFunction((n) => Number(document.querySelector('[role=treegrid]').getAttribute('aria-rowcount')) >= n, all);
  assert.equal(await first.getAttribute('aria-expanded'), 'true', 'the unfolded root says so');
  await page.keyboard.press('ArrowDown');
  await page.waitForFunction(() => document.activeElement?.getAttribute('aria-rowindex') === '3');
  // On an open row the first press folds it, the next one leads to the parent.
  const open = await page.evaluate(() => document.activeElement?.getAttribute('aria-expanded') === 'true');
  await page.keyboard.press('ArrowLeft');
  if (open) await page.keyboard.press('ArrowLeft');
  await page.waitForFunction(() => document.activeElement?.getAttribute('aria-rowindex') === '2');
  const label = await focusedLabel(page);
  await page.keyboard.press('Enter');
  const title = page.locator('.drawer h2');
  await title.waitFor();
  assert.ok(label.includes(await title.innerText()), `the drawer shows the row "${label}", not "${await title.innerText()}"`);
  await page.keyboard.press('Escape');
  await title.waitFor({ state: 'detached' });
  assert.equal(await focusedLabel(page), label, 'closing the drawer gives the focus back to the row');
}

async function seeLogsOfASpan(page, traceId) {
  step('select a span that has logs and see them in the drawer');
  const log = await page.evaluate(async (id) => {
    const answer = await (await fetch(`/api/v1/logs?trace_id=${id}&order=oldest`)).json();
    return answer.logs.find((l) => l.span_id);
  }, traceId);
  const spanId = log.span_id;
  const find = page.getByRole('textbox', { name: /Find a span/ });
  await find.fill(spanId);
  await find.press('Enter');
  const row = page.locator('.wrow.match');
  await row.waitFor();
  assert.equal(await row.count(), 1, `one row matches the span id ${spanId}`);
  await row.click();
  await page.waitForURL((url) => url.searchParams.get('span') === spanId);
  await page.getByRole('tab', { name: /^Logs/ }).click();
  const body = page.locator('.drawer .log-body').first();
  await body.waitFor();
  assert.equal(await body.innerText(), log.body, 'the first log of the span');
  await page.getByRole('tab', { name: /^All logs/ }).click();
  await page.locator('.drawer .log').first().waitFor();
  const shown = await page.locator('.drawer .log').count();
  const ofTrace = await page.evaluate(async (id) => {
    const answer = await (await fetch(`/api/v1/logs?trace_id=${id}&limit=1000`)).json();
    return answer.logs.length;
  }, traceId);
  assert.ok(shown >= 1 && shown <= ofTrace, `${shown} logs shown of the ${ofTrace} of the trace`);
  for (const tab of ['Overview', 'Attributes', 'Events', 'Links', 'Resource']) {
    await page.getByRole('tab', { name: new RegExp(`^${tab}`) }).click();
    await page.waitForFunction((t) => document.querySelector('[role=tab][aria-selected=true]')?.textContent?.startsWith(t), tab);
  }
  await page.locator('.drawer .attribute dt', { hasText: 'service.name' }).first().waitFor();
  await find.fill('');
  return { spanId, log };
}

async function searchInside(page) {
  step('search inside the trace with / and n');
  await page.locator('.wrow.selected').focus();
  await page.keyboard.press('/');
  await page.waitForFunction(() => document.activeElement?.id === 'trace-find');
  await page.keyboard.type('payment');
  await page.waitForURL((url) => url.searchParams.get('find') === 'payment');
  const matches = Number((await page.locator('.found').innerText()).replace(/^.*\//, ''));
  assert.ok(matches >= 2, `an order has several payment spans; found ${matches}`);
  await page.keyboard.press('Enter');
  await page.waitForFunction((n) => /^\d+\/\d+$/.test(document.querySelector('.found')?.textContent ?? ''), matches);
  const before = await page.locator('.found').innerText();
  await page.locator('[role=row][tabindex="0"]').focus();
  await page.keyboard.press('n');
  await page.waitForFunction((old) => document.querySelector('.found')?.textContent !== old, before);
}

async function zoom(page) {
  step('drag over the overview to zoom, double-click to see all again');
  const strip = await page.locator('.overview-strip').boundingBox();
  const y = strip.y + strip.height / 2;
  await page.mouse.move(strip.x + strip.width * 0.25, y);
  await page.mouse.down();
  await page.mouse.move(strip.x + strip.width * 0.5, y, { steps: 5 });
  await page.mouse.up();
  await page.waitForURL((url) => url.searchParams.has('z'));
  const [from, to] = new URL(page.url()).searchParams.get('z').split(',').map(Number);
  assert.ok(from > 0 && to > from, `the URL holds the zoomed stretch, not ${from},${to}`);
  await page.mouse.dblclick(strip.x + strip.width * 0.1, y);
  await page.waitForURL((url) => !url.searchParams.has('z'));
}

async function shareByUrl(context, url, spanId) {
  step('a copied URL shows the same span and search to somebody else');
  const other = await context.newPage();
  listen(other);
  await other.goto(url);
  await other.locator('.drawer h2').waitFor();
  assert.equal(await other.getByRole('textbox', { name: /Find a span/ }).inputValue(), 'payment', 'the search of the URL');
  assert.notEqual(new URL(url).searchParams.get('span'), null, `the URL names a span (first selected: ${spanId})`);
  await other.close();
}

async function pasteAnId(page, traceId) {
  step('a pasted traceparent opens its trace from any page');
  await page.goto(`${base}/connect`);
  const box = page.getByRole('combobox', { name: /paste a trace id/ });
  await box.fill(`00-${traceId}-00f067aa0ba902b7-01`);
  await box.press('Enter');
  await page.waitForURL((url) => url.pathname === `/trace/${traceId}`);
  await page.locator('[role=row][aria-rowindex="2"]').waitFor();
}

async function searchLogs(page, traceId, log) {
  step('the logs page shows the logs of the trace and leads back to the span');
  await page.goto(`${base}/logs?trace_id=${traceId}&t=all&order=oldest`);
  const row = page.locator('.log', { hasText: log.body }).first();
  await row.waitFor();
  await row.getByRole('button').first().click();
  await row.getByRole('link', { name: 'Open the trace', exact: true }).waitFor();
  await row.getByRole('link', { name: 'Open the trace', exact: true }).click();
  await page.waitForURL((url) => url.pathname === `/trace/${traceId}` && url.searchParams.has('span'));
  await page.locator('.drawer .log-body').first().waitFor();
}

async function comeBack(page) {
  step('going back shows the list where it was left');
  await page.goto(`${base}/logs?t=all`);
  const list = page.locator('.log-list');
  await list.waitFor();
  const links = list.locator('a.log-trace');
  const trace = links.nth(Math.min(40, (await links.count()) - 1));
  await trace.scrollIntoViewIfNeeded();
  const left = await list.evaluate((element) => element.scrollTop);
  await trace.click();
  await page.waitForURL((url) => url.pathname.startsWith('/trace/'));
  await page.getByRole('treegrid').waitFor();
  await page.goBack();
  await list.waitFor();
  assert.equal(await list.evaluate((element) => element.scrollTop), left, 'the place in the list');
}

async function changeTheme(page) {
  step('the theme is changed by its button and remembered');
  await page.getByRole('button', { name: 'Theme: system' }).click();
  await page.getByRole('button', { name: 'Theme: light' }).click();
  await page.getByRole('button', { name: 'Theme: dark' }).waitFor();
  await page.reload();
  const theme = await page.evaluate(() => document.documentElement.dataset.theme);
  assert.equal(theme, 'dark', 'the theme after loading the page again');
  await page.getByRole('button', { name: 'Theme: dark' }).click();
  await page.getByRole('button', { name: 'Theme: system' }).waitFor();
}

async function axeEverywhere(context, traceId, spanId) {
  const pages = {
    traces: ['/traces?t=24h', '.trace-row'],
    trace: [`/trace/${traceId}`, '.wrow'],
    'trace with a span': [`/trace/${traceId}?span=${spanId}`, '.drawer .attribute, .drawer .pairs'],
    'trace with all logs': [`/trace/${traceId}?tab=all-logs`, '.drawer .log'],
    logs: ['/logs?t=24h', '.log'],
    connect: ['/connect', '.snippets'],
    'nothing found': ['/traces?q=service:no-such-service&t=24h', '.notice'],
  };
  for (const colorScheme of ['light', 'dark']) {
    for (const [width, height] of [
      [1440, 900],
      [390, 844],
    ]) {
      step(`axe finds nothing on any page, ${colorScheme}, ${width} px`);
      const page = await context.newPage();
      listen(page);
      await page.setViewportSize({ width, height });
      await page.emulateMedia({ colorScheme, reducedMotion: 'reduce' });
      for (const [name, [path, ready]] of Object.entries(pages)) {
        await page.goto(base + path);
        await page.locator(ready).first().waitFor();
        // Evaluated by the debugger, so that the content security policy stays as it is.
        await page.evaluate(AXE);
        const { violations } = await page.evaluate(() => globalThis.axe.run());
        const found = violations.flatMap((v) => v.nodes.map((n) => `${v.id}: ${n.target.join(' ')}: ${n.failureSummary}`));
        assert.deepEqual(found, [], `axe on ${name}, ${colorScheme}, ${width} px`);
      }
      await page.close();
    }
  }
}
