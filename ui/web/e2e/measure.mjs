// What big traces cost the browser, on the mock: `npm run measure`. Prints numbers; judges nothing.
// Wall time includes whatever else the machine does; "main thread" is processor time, which a busy machine
// does not change much. jump: a thousand rows further in each frame, the worst case. wheel: three rows a frame.
import { startMock } from '../dev/mock-server.mjs';
import { launch } from './browser.mjs';

const FRAMES = 60;

const mock = await startMock();
const base = `http://127.0.0.1:${mock.port}`;
const browser = await launch();
const page = await browser.newPage({ viewport: { width: 1440, height: 900 } });
const session = await page.context().newCDPSession(page);
await session.send('Performance.enable', { timeDomain: 'threadTicks' });

/** Runs something in the page; gives its result and the milliseconds that the main thread worked. */
async function cost(work, argument) {
  const before = await busy();
  const result = await page.evaluate(work, argument);
  return { result, millis: (await busy()) - before };
}

async function busy() {
  const { metrics } = await session.send('Performance.getMetrics');
  return metrics.find((m) => m.name === 'TaskDuration').value * 1000;
}

async function openTrace(id) {
  const before = performance.now();
  const box = document.querySelector('.omnibox-input');
  box.value = id;
  box.dispatchEvent(new Event('input', { bubbles: true }));
  await new Promise(requestAnimationFrame);
  box.form.requestSubmit();
  while (!document.querySelector('.wrow .bar')) await new Promise(requestAnimationFrame);
  await new Promise(requestAnimationFrame);
  const request = performance.getEntriesByType('resource').filter((e) => e.name.endsWith('/skeleton')).at(-1);
  return { wall: performance.now() - before, request: request.duration };
}

async function scroll({ frames, rows }) {
  const box = document.querySelector('.waterfall-scroll');
  for (let k = 0; k < frames; k++) {
    box.scrollTop = ((k * rows) % 9000) * 24;
    await new Promise(requestAnimationFrame);
  }
}

async function zoom(frames) {
  const strip = document.querySelector('.overview-strip');
  for (let k = 0; k < frames; k++) {
    const init = { deltaY: k < frames / 2 ? -100 : 100, clientX: 700, bubbles: true, cancelable: true };
    strip.dispatchEvent(new WheelEvent('wheel', init));
    await new Promise(requestAnimationFrame);
  }
}

for (const { trace } of mock.world.traces.filter((t) => t.trace.spans.length >= 10_000)) {
  // Twice: the first visit also compiles the page's code.
  for (const round of ['first', 'second']) {
    await page.goto(`${base}/connect`);
    await page.locator('.snippets').waitFor();
    const { result, millis } = await cost(openTrace, trace.traceId);
    console.log(
      `${trace.spans.length} spans, ${round} visit: open ${result.wall.toFixed(0)} ms wall, of which request ${result.request.toFixed(0)} ms; main thread ${millis.toFixed(0)} ms`,
    );
  }
  const jump = await cost(scroll, { frames: FRAMES, rows: 1009 });
  const wheel = await cost(scroll, { frames: FRAMES, rows: 3 });
  const zoomed = await cost(zoom, FRAMES);
  const heap = await page.evaluate(() => performance.memory.usedJSHeapSize / 1048576);
  const frame = (measured) => `${(measured.millis / FRAMES).toFixed(1)} ms`;
  console.log(`  main thread per frame: jump ${frame(jump)}, wheel ${frame(wheel)}, zoom ${frame(zoomed)}; heap ${heap.toFixed(0)} MB`);
}
await browser.close();
mock.close();
