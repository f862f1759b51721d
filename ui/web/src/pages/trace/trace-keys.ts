// Keys of the trace page. The tree's own arrows are handled by the waterfall; these work from anywhere but inputs.
import { useEffect, useRef } from 'preact/hooks';
import { stepLevel } from '../../core/fold.ts';
import { nextMatch } from '../../core/trace-search.ts';
import { clamp, full, pan, zoomAt } from '../../core/viewport.ts';
import { FIND_ID, nextError } from './trace-header.tsx';
import { drawerOpen, type TraceState } from './trace-state.ts';

export function useTraceKeys(state: TraceState): void {
  const latest = useRef(state);
  latest.current = state;
  useEffect(() => {
    const onKey = (event: KeyboardEvent) => {
      if (event.defaultPrevented || document.querySelector('dialog[open]')) return;
      const find = event.key === 'f' && (event.ctrlKey || event.metaKey);
      const typing = (event.target as Element).closest('input, textarea, select') !== null;
      if (find || (event.key === '/' && !typing)) {
        event.preventDefault();
        focusFind();
        return;
      }
      if (typing || event.ctrlKey || event.metaKey || event.altKey) return;
      const action = ACTIONS[event.key];
      if (!action) return;
      event.preventDefault();
      action(latest.current);
    };
    // Before the query box, which also listens for the slash.
    document.addEventListener('keydown', onKey, { capture: true });
    return () => document.removeEventListener('keydown', onKey, { capture: true });
  }, []);
}

function focusFind(): void {
  const input = document.getElementById(FIND_ID) as HTMLInputElement | null;
  input?.focus();
  input?.select();
}

const ACTIONS: Record<string, (state: TraceState) => void> = {
  Escape: (s) => drawerOpen(s) && s.closeDrawer(),
  '[': (s) => s.setFold(stepLevel(s.model, s.fold, -1)),
  ']': (s) => s.setFold(stepLevel(s.model, s.fold, 1)),
  n: (s) => follow(s, nextMatch(s.matches, s.active.value, 1)),
  N: (s) => follow(s, nextMatch(s.matches, s.active.value, -1)),
  e: (s) => follow(s, nextError(s, s.active.value, 1)),
  E: (s) => follow(s, nextError(s, s.active.value, -1)),
  c: (s) => follow(s, nextOnPath(s, 1)),
  C: (s) => follow(s, nextOnPath(s, -1)),
  z: zoomToActive,
  '0': (s) => s.setView(full(s.model.durationNano)),
  w: (s) => zoom(s, 0.5),
  s: (s) => zoom(s, 2),
  a: (s) => s.setView(pan(s.view, -0.25, s.model.durationNano)),
  d: (s) => s.setView(pan(s.view, 0.25, s.model.durationNano)),
  l: (s) => s.setTab('all-logs'),
  y: copySpanId,
};

/** The drawer's button says when copying fails; a key has no place to say it. */
function copySpanId(state: TraceState): void {
  navigator.clipboard?.writeText(state.model.spanId[state.active.value]).catch(() => undefined);
}

function follow(state: TraceState, row: number): void {
  if (row < 0) return;
  if (state.selected >= 0) state.select(row, { focus: true });
  else state.goTo(row);
}

function zoom(state: TraceState, factor: number): void {
  const middle = (state.view.from + state.view.to) / 2;
  state.setView(zoomAt(state.view, factor, middle, state.model.durationNano));
}

function zoomToActive(state: TraceState): void {
  const { model, active } = state;
  const [from, to] = [model.start[active.value], model.end[active.value]];
  const margin = (to - from) * 0.05;
  state.setView(clamp({ from: from - margin, to: to + margin }, model.durationNano));
}

function nextOnPath(state: TraceState, step: 1 | -1): number {
  const { model, path, active } = state;
  for (let k = 1; k <= model.rowCount; k++) {
    const row = (active.value + step * k + model.rowCount * 2) % model.rowCount;
    if (path.offset[row + 1] > path.offset[row]) return row;
  }
  return -1;
}
