// The time range of a search as the URL holds it: `t=1h` (relative) or `t=<from>..<to>` (absolute, RFC 3339).

export type TimeRange =
  | { readonly kind: 'last'; readonly preset: Preset }
  | { readonly kind: 'between'; readonly from: Date; readonly to: Date };

export const PRESETS = ['15m', '1h', '6h', '24h', '7d', 'all'] as const;
export type Preset = (typeof PRESETS)[number];

const MINUTES: Record<Preset, number | null> = {
  '15m': 15,
  '1h': 60,
  '6h': 360,
  '24h': 1440,
  '7d': 10080,
  all: null,
};

export const PRESET_WORDS: Record<Preset, string> = {
  '15m': 'last 15 minutes',
  '1h': 'last hour',
  '6h': 'last 6 hours',
  '24h': 'last 24 hours',
  '7d': 'last 7 days',
  all: 'all time',
};

export const DEFAULT_RANGE: TimeRange = { kind: 'last', preset: '1h' };

export function parseRange(text: string | undefined): TimeRange {
  if (text === undefined) return DEFAULT_RANGE;
  const preset = PRESETS.find((p) => p === text);
  if (preset) return { kind: 'last', preset };
  const [from, to] = text.split('..').map((part) => new Date(part));
  if (from && to && from.getTime() < to.getTime()) return { kind: 'between', from, to };
  return DEFAULT_RANGE;
}

/** Undefined for the default, so that plain URLs stay plain. */
export function printRange(range: TimeRange): string | undefined {
  if (range.kind === 'between') return `${range.from.toISOString()}..${range.to.toISOString()}`;
  return range.preset === '1h' ? undefined : range.preset;
}

/** Bounds for the API. A relative range has no end, so that what arrives late is still found. */
export function bounds(range: TimeRange, now: Date): { start?: string; end?: string } {
  if (range.kind === 'between') {
    return { start: range.from.toISOString(), end: range.to.toISOString() };
  }
  const minutes = MINUTES[range.preset];
  return minutes === null ? {} : { start: new Date(now.getTime() - minutes * 60_000).toISOString() };
}

export function describe(range: TimeRange): string {
  if (range.kind === 'last') return PRESET_WORDS[range.preset];
  return `${local(range.from)} to ${local(range.to)}`;
}

/** The shortest preset that still holds the time, so that one click leads to where the data is. */
export function presetHolding(unixNano: bigint, now: Date): Preset {
  const minutes = (now.getTime() - Number(unixNano / 1_000_000n)) / 60_000;
  return PRESETS.find((p) => MINUTES[p] === null || (MINUTES[p] as number) > minutes) ?? 'all';
}

/** Local `YYYY-MM-DDTHH:MM:SS`, the value of a datetime-local input. */
export function localInput(date: Date): string {
  const shifted = new Date(date.getTime() - date.getTimezoneOffset() * 60_000);
  return shifted.toISOString().slice(0, 19);
}

function local(date: Date): string {
  return localInput(date).replace('T', ' ');
}
