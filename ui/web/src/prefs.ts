// What the browser remembers between visits: theme and sizes. Storage may be refused; then nothing is remembered.
import { effect, signal, type Signal } from '@preact/signals';

const PREFIX = 'spandrel.';

function read(key: string): string | null {
  try {
    return localStorage.getItem(PREFIX + key);
  } catch {
    return null;
  }
}

function write(key: string, value: string | null): void {
  try {
    if (value === null) localStorage.removeItem(PREFIX + key);
    else localStorage.setItem(PREFIX + key, value);
  } catch {
    // Private windows may refuse storage; the setting still holds for this visit.
  }
}

export type Theme = 'system' | 'light' | 'dark';

const stored = read('theme');
export const theme: Signal<Theme> = signal(stored === 'light' || stored === 'dark' ? stored : 'system');

/** Counts theme changes, the system's included: canvases redraw when it moves. */
export const themeEpoch = signal(0);

export function nextTheme(): void {
  const order: Theme[] = ['system', 'light', 'dark'];
  theme.value = order[(order.indexOf(theme.value) + 1) % order.length];
}

export function startTheme(): void {
  effect(() => {
    const value = theme.value;
    if (value === 'system') delete document.documentElement.dataset.theme;
    else document.documentElement.dataset.theme = value;
    write('theme', value === 'system' ? null : value);
    themeEpoch.value = themeEpoch.peek() + 1;
  });
  matchMedia('(prefers-color-scheme: dark)').addEventListener('change', () => themeEpoch.value++);
}

/** A remembered number within bounds. */
export function rememberedNumber(key: string, fallback: number, min: number, max: number): Signal<number> {
  const text = read(key);
  const value = text === null ? Number.NaN : Number(text);
  const number = signal(Number.isFinite(value) ? Math.min(max, Math.max(min, value)) : fallback);
  effect(() => {
    if (number.value !== fallback || text !== null) write(key, String(Math.round(number.value)));
  });
  return number;
}
