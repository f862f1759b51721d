// Numbers, durations and times as people read them. Durations have three significant digits and a unit.

const UNITS: readonly [string, number][] = [
  ['ns', 1],
  ['µs', 1e3],
  ['ms', 1e6],
  ['s', 1e9],
];
const MINUTE = 60e9;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;

/** 412 ns, 1.23 ms, 41.0 s, 2 m 05 s, 3 h 20 m. */
export function duration(nanos: number): string {
  if (!Number.isFinite(nanos) || nanos < 0) return '–';
  if (nanos === 0) return '0 ns';
  if (nanos >= MINUTE * 0.99995) return long(nanos);
  let unit = 0;
  while (unit < UNITS.length - 1 && nanos >= UNITS[unit + 1][1] * 0.9995) unit++;
  const value = nanos / UNITS[unit][1];
  if (unit === 0) return `${Math.round(value)} ns`;
  return `${threeDigits(value)} ${UNITS[unit][0]}`;
}

function threeDigits(value: number): string {
  if (value >= 99.95) return value.toFixed(0);
  return value >= 9.995 ? value.toFixed(1) : value.toFixed(2);
}

function long(nanos: number): string {
  const two = (n: number) => String(n).padStart(2, '0');
  const seconds = Math.round(nanos / 1e9);
  if (seconds < 3600) return `${Math.floor(seconds / 60)} m ${two(seconds % 60)} s`;
  const minutes = Math.round(nanos / MINUTE);
  if (nanos < DAY) return `${Math.floor(minutes / 60)} h ${two(minutes % 60)} m`;
  const hours = Math.round(nanos / HOUR);
  return `${Math.floor(hours / 24)} d ${two(hours % 24)} h`;
}

/** Duration for an axis: no trailing zeros, so that round steps read as round numbers. */
export function axisDuration(nanos: number): string {
  if (nanos === 0) return '0';
  let unit = 0;
  while (unit < UNITS.length - 1 && Math.abs(nanos) >= UNITS[unit + 1][1] * 0.9995) unit++;
  return `${Number((nanos / UNITS[unit][1]).toPrecision(6))} ${UNITS[unit][0]}`;
}

/** Seconds as days, hours or minutes, for settings: `7 d`, not `7 d 00 h`. */
export function seconds(value: number): string {
  return duration(value * 1e9).replace(/ 00 \w$/, '');
}

const GROUPED = new Intl.NumberFormat('en', { useGrouping: true });

/** 12,345. */
export function count(value: number): string {
  return GROUPED.format(value);
}

/** `1 span`, `3 spans`. */
export function plural(value: number, one: string, many = `${one}s`): string {
  return `${count(value)} ${value === 1 ? one : many}`;
}

/** 999, 12.3k, 4.56M. */
export function shortCount(value: number): string {
  if (value < 1000) return String(value);
  for (const [unit, size] of [['k', 1e3], ['M', 1e6], ['G', 1e9]] as const) {
    if (value < size * 999.5) return `${threeDigits(value / size)}${unit}`;
  }
  return `${threeDigits(value / 1e12)}T`;
}

export function bytes(value: number): string {
  let unit = 0;
  const names = ['B', 'KiB', 'MiB', 'GiB', 'TiB'];
  while (unit < names.length - 1 && value >= 1023.5) {
    value /= 1024;
    unit++;
  }
  return unit === 0 ? `${value} B` : `${threeDigits(value)} ${names[unit]}`;
}

export function percent(share: number): string {
  const value = share * 100;
  if (value > 0 && value < 0.1) return '< 0.1 %';
  return `${value >= 9.95 ? value.toFixed(0) : value.toFixed(1)} %`;
}

/** 5 s ago, 3 m ago, 2 h ago, 4 d ago. */
export function age(unixNano: bigint, nowMillis: number): string {
  const elapsed = nowMillis - Number(unixNano / 1_000_000n);
  if (elapsed < -1000) return 'in the future';
  const s = Math.max(0, Math.floor(elapsed / 1000));
  if (s < 60) return `${s} s ago`;
  if (s < 3600) return `${Math.floor(s / 60)} m ago`;
  if (s < 86400) return `${Math.floor(s / 3600)} h ago`;
  return `${Math.floor(s / 86400)} d ago`;
}

function parts(unixNano: bigint) {
  const date = new Date(Number(unixNano / 1_000_000n));
  const two = (n: number) => String(n).padStart(2, '0');
  return {
    day: `${date.getFullYear()}-${two(date.getMonth() + 1)}-${two(date.getDate())}`,
    time: `${two(date.getHours())}:${two(date.getMinutes())}:${two(date.getSeconds())}`,
  };
}

/** Local time with the fraction to `digits` places, exact to the nanosecond. */
export function clock(unixNano: bigint, digits: 3 | 6 | 9 = 3): string {
  const fraction = String(unixNano % 1_000_000_000n).padStart(9, '0').slice(0, digits);
  return `${parts(unixNano).time}.${fraction}`;
}

/** Local time, with the day before it unless it is today. */
export function clockOrDay(unixNano: bigint, nowMillis: number): string {
  const today = parts(BigInt(nowMillis) * 1_000_000n).day;
  const { day, time } = parts(unixNano);
  return day === today ? clock(unixNano) : `${day.slice(5)} ${time}`;
}

/** Local date and time with milliseconds. */
export function dateTime(unixNano: bigint): string {
  return `${parts(unixNano).day} ${clock(unixNano)}`;
}

/** UTC in RFC 3339 to the nanosecond, for titles and copies. */
export function rfc3339(unixNano: bigint): string {
  const fraction = String(unixNano % 1_000_000_000n).padStart(9, '0');
  const date = new Date(Number(unixNano / 1_000_000n)).toISOString();
  return `${date.slice(0, 19)}.${fraction}Z`;
}

const KINDS = ['unspecified', 'internal', 'server', 'client', 'producer', 'consumer'];

export function spanKind(kind: number): string {
  return KINDS[kind] ?? `kind ${kind}`;
}
