// How long big traces take to open and to scroll, on the mock. Prints numbers; judges nothing.
// open: from the click to the first painted rows, server included. model: decoding alone. frame: script and layout
// of one frame while jumping a thousand rows per frame.
import { startMock } from '../dev/mock-server.mjs';
import { launch } from './browser.mjs';

const mock = await startMock();
const base = `http://127.0.0.1:${mock.port}`;
const browser = await launch();
const page = await browser.newPage({ viewport: { width: 1440, height: 900 } });
const big = mock.world.traces.filter((t) => t.trace.spans.length >= 10_000);
for (const { trace } of big) {
  await page.goto(`${base}/connect`);
  await page.locator('.snippets').waitFor();
  // The first visit also loads the page's chunk; the second is what is measured.
  for (const round of ['cold', 'warm']) {
    const millis = await page.evaluate(async (id) => {
      const box = document.querySelector('.omnibox-input');
      const before = performance.now();
      box.value = id;
      box.dispatchEvent(new Event('input', { bubbles: true }));
      await new Promise((done) => setTimeout(done));
      box.form.requestSubmit();
      while (!document.querySelector('.wrow .bar')) await new Promise(requestAnimationFrame);
      await new Promise(requestAnimationFrame);
      const fetched = performance.getEntriesByType('resource').filter((e) => e.name.endsWith('/skeleton')).at(-1);
      return { open: performance.now() - before, fetch: fetched.duration };
    }, trace.traceId);
    console.log(`${trace.spans.length} spans, ${round}: open ${millis.open.toFixed(0)} ms, of which request ${millis.fetch.toFixed(0)} ms`);
    if (round === 'cold') await page.goto(`${base}/connect`);
  }
  const frames = await page.evaluate(async () => {
    const box = document.querySelector('.waterfall-scroll');
    const times = [];
    for (let k = 0; k < 60; k++) {
      const before = performance.now();
      box.scrollTop = ((k * 1009) % 9000) * 24;
      box.dispatchEvent(new Event('scroll'));
      await new Promise((done) => queueMicrotask(done));
      await new Promise((done) => setTimeout(done));
      void box.offsetHeight;
      times.push(performance.now() - before);
      await new Promise(requestAnimationFrame);
    }
    times.sort((a, b) => a - b);
    return { median: times[30], p95: times[57] };
  });
  const zoom = await page.evaluate(async () => {
    const strip = document.querySelector('.overview-strip');
    const times = [];
    for (let k = 0; k < 30; k++) {
      const before = performance.now();
      strip.dispatchEvent(new WheelEvent('wheel', { deltaY: k < 15 ? -100 : 100, clientX: 700, bubbles: true, cancelable: true }));
      await new Promise((done) => setTimeout(done));
      void strip.offsetHeight;
      times.push(performance.now() - before);
      await new Promise(requestAnimationFrame);
    }
    times.sort((a, b) => a - b);
    return { median: times[15], p95: times[28] };
  });
  const heap = await page.evaluate(() => performance.memory.usedJSHeapSize / 1048576);
  console.log(`  scroll frame median ${frames.median.toFixed(1)} ms, p95 ${frames.p95.toFixed(1)} ms; zoom frame median ${zoom.median.toFixed(1)} ms, p95 ${zoom.p95.toFixed(1)} ms; heap ${heap.toFixed(0)} MB`);
}
await browser.close();
mock.close();
