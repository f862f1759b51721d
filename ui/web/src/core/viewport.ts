// The visible part of a trace's time and its mapping to pixels. Times are nanoseconds from the trace's start.

export interface Viewport {
  readonly from: number;
  readonly to: number;
}

/** The least time a viewport spans: below that a pixel is less than a nanosecond. */
const SPAN_MIN = 100;

export function full(duration: number): Viewport {
  return { from: 0, to: Math.max(duration, SPAN_MIN) };
}

export function isFull(view: Viewport, duration: number): boolean {
  const all = full(duration);
  return view.from <= all.from && view.to >= all.to;
}

/** Keeps the viewport inside the trace and not smaller than the least span. */
export function clamp(view: Viewport, duration: number): Viewport {
  const all = full(duration);
  const span = Math.min(Math.max(view.to - view.from, SPAN_MIN), all.to);
  const from = Math.min(Math.max(view.from, 0), all.to - span);
  return { from, to: from + span };
}

/** Zooms by a factor (below 1 = closer) around a time that stays where it is. */
export function zoomAt(view: Viewport, factor: number, anchor: number, duration: number): Viewport {
  return clamp(
    { from: anchor - (anchor - view.from) * factor, to: anchor + (view.to - anchor) * factor },
    duration,
  );
}

/** Moves by a share of the visible span. */
export function pan(view: Viewport, share: number, duration: number): Viewport {
  const by = (view.to - view.from) * share;
  return clamp({ from: view.from + by, to: view.to + by }, duration);
}

export function toPixels(view: Viewport, width: number, time: number): number {
  return ((time - view.from) / (view.to - view.from)) * width;
}

export function toTime(view: Viewport, width: number, pixels: number): number {
  return view.from + (pixels / width) * (view.to - view.from);
}

/** Round times for axis lines: 1, 2 or 5 times a power of ten, at most `most` of them. */
export function axisTimes(view: Viewport, most: number): number[] {
  const rough = (view.to - view.from) / Math.max(1, most);
  const power = 10 ** Math.floor(Math.log10(rough));
  const step = [1, 2, 5, 10].map((m) => m * power).find((s) => s >= rough * 0.999) as number;
  const times: number[] = [];
  for (let k = Math.ceil(view.from / step - 1e-9); k * step <= view.to; k++) times.push(k * step + 0);
  return times;
}

/** `from,to` in whole nanoseconds, as the URL holds it. */
export function printViewport(view: Viewport): string {
  return `${Math.round(view.from)},${Math.round(view.to)}`;
}

export function parseViewport(text: string | undefined, duration: number): Viewport {
  const match = /^(\d{1,16}),(\d{1,16})$/.exec(text ?? '');
  if (!match || Number(match[1]) >= Number(match[2])) return full(duration);
  return clamp({ from: Number(match[1]), to: Number(match[2]) }, duration);
}
