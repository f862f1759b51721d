// The waterfall: a treegrid of which only the rows in view exist, over a native scrollbar.
import { signal } from '@preact/signals';
import { useEffect, useLayoutEffect, useMemo, useRef, useState } from 'preact/hooks';
import { useSize } from '../../components/use-size.ts';
import { isFolded, setFolded, visibleIndex } from '../../core/fold.ts';
import { axisDuration, duration } from '../../core/format.ts';
import { lowerBound } from '../../core/trace-search.ts';
import { axisTimes, clamp, full, pan, toPixels, toTime, zoomAt } from '../../core/viewport.ts';
import { rememberedNumber } from '../../prefs.ts';
import { startBrush } from './brush.ts';
import { useTrace, type TraceState } from './trace-state.ts';
import { WaterfallRow } from './waterfall-row.tsx';
import './waterfall.css';

export const ROW = 24;
/** Rows beyond the edges, so that a fast scroll does not show gaps. */
const SPARE = 8;
/** Width of the duration column with its padding. */
const DURATION = 80;

/** Room that a label of the axis needs; nearer to the edge it would be cut. */
const LABEL = 52;

/** Free space at the right, so that the end of the trace can be seen. */
const PAD = 12;

/** Share of the width that the names take, in per mille. */
const treeShare = rememberedNumber('tree-share', 440, 150, 750);
/** Time under the pointer, null when it is elsewhere. */
const hovered = signal<number | null>(null);

export function Waterfall() {
  const state = useTrace();
  const { model, visible, view } = state;
  const scroller = useRef<HTMLDivElement>(null);
  const { width, height } = useSize(scroller);
  const [top, setTop] = useState(0);
  const narrow = width < 560;
  const treeWidth = Math.round((width - (narrow ? 0 : DURATION)) * (narrow ? 0.5 : treeShare.value / 1000));
  const timeWidth = Math.max(60, width - treeWidth - (narrow ? 0 : DURATION) - PAD);
  const indent = Math.max(1.5, Math.min(12, (treeWidth * (narrow ? 0.25 : 0.4)) / Math.max(1, model.maxDepth)));

  const first = Math.max(0, Math.floor(top / ROW) - SPARE);
  const last = Math.min(visible.length, Math.ceil((top + height) / ROW) + SPARE);
  const rows: number[] = [];
  for (let k = first; k < last; k++) rows.push(k);
  // The row under the keyboard always exists, so that focus survives scrolling it out of view.
  const activeAt = visible.length === 0 ? -1 : visibleIndex(visible, state.active.value);
  if (activeAt >= 0 && (activeAt < first || activeAt >= last)) rows.push(activeAt);

  // Elements are used again by position, so that a jump changes texts instead of building rows. The row that may
  // hold the focus keeps its element.
  const pool = Math.ceil(height / ROW) + 2 * SPARE + 5;
  const goal = state.goal.value;
  useLayoutEffect(() => {
    const box = scroller.current;
    if (!goal || !box || height === 0) return;
    const y = visibleIndex(visible, goal.row) * ROW;
    if (y < box.scrollTop || y + ROW > box.scrollTop + height) {
      box.scrollTop = Math.max(0, y - height / 2 + ROW);
      setTop(quantised(box.scrollTop));
    }
  }, [goal, visible, height]);
  useEffect(() => {
    if (!goal || height === 0) return;
    if (goal.focus) document.getElementById(`row-${goal.row}`)?.focus({ preventScroll: true });
    state.goal.value = null;
  }, [goal, height]);

  useEffect(() => {
    const ids = new Set<string>();
    for (let k = first; k < last; k++) if (model.eventCount[visible[k]] > 0) ids.add(model.spanId[visible[k]]);
    state.details.want(ids);
  }, [model, visible, first, last]);
  void state.details.epoch.value;

  useEffect(() => wheel(scroller.current, state, treeWidth + (narrow ? 0 : DURATION), timeWidth), [state, treeWidth, timeWidth]);

  const columns = narrow ? `${treeWidth}px ${timeWidth}px` : `${treeWidth}px ${DURATION}px ${timeWidth}px`;
  const style = { '--columns': columns, '--tree': `${treeWidth}px` };
  return (
    <div
      class={`waterfall ${narrow ? 'narrow' : ''}`}
      role="treegrid"
      aria-label="Spans of the trace"
      aria-rowcount={visible.length + 1}
      aria-colcount={3}
      style={style}
      onKeyDown={(event) => treeKey(event, state, Math.max(1, Math.floor(height / ROW) - 1))}
    >
      <div role="rowgroup" class="waterfall-head">
        <div role="row" class="waterfall-columns" aria-rowindex={1}>
          <span role="columnheader">Span</span>
          <span role="columnheader" class="right">
            Duration
          </span>
          <Axis width={timeWidth} />
        </div>
        {!narrow && <Splitter width={width} />}
      </div>
      <div
        ref={scroller}
        role="rowgroup"
        class="waterfall-scroll"
        onScroll={(event) => setTop(quantised(event.currentTarget.scrollTop))}
        onPointerMove={(event) => {
          const at = event.clientX - event.currentTarget.getBoundingClientRect().left - (width - timeWidth - PAD);
          hovered.value = at >= 0 && at <= timeWidth ? toTime(view, timeWidth, at) : null;
        }}
        onPointerLeave={() => (hovered.value = null)}
      >
        <div class="waterfall-space" style={{ height: `${visible.length * ROW}px` }}>
          <Grid width={timeWidth} />
          {rows.map((k) => (
            <WaterfallRow key={k === activeAt ? 'active' : k % pool} row={visible[k]} index={k} timeWidth={timeWidth} indent={indent} tabbable={k === activeAt} />
          ))}
        </div>
      </div>
      <Ruler state={state} height={height} />
    </div>
  );
}

/** Scrolling renders anew only every few rows; the spare rows cover what lies between. */
function quantised(top: number): number {
  return top - (top % (ROW * 4));
}

/** Time labels; dragging over them zooms like the overview. */
function Axis({ width }: { width: number }) {
  const { view, setView, model } = useTrace();
  const element = useRef<HTMLSpanElement>(null);
  const [brush, setBrush] = useState<[number, number] | null>(null);
  const times = axisTimes(view, Math.max(2, Math.floor(width / 80)));
  const at = hovered.value;
  return (
    <span
      ref={element}
      role="columnheader"
      aria-label="Timeline"
      class="axis"
      onPointerDown={(event) =>
        startBrush(event, element.current as HTMLElement, {
          move: (from, to) => setBrush([from, to]),
          done: (from, to) => {
            setBrush(null);
            setView(clamp({ from: toTime(view, 1, from), to: toTime(view, 1, to) }, model.durationNano));
          },
          cancel: () => setBrush(null),
        })
      }
      onDblClick={() => setView(full(model.durationNano))}
    >
      {times.map((time) => (
        <span key={time} class="axis-time" style={{ left: `${toPixels(view, width, time)}px` }}>
          {toPixels(view, width, time) < width - LABEL ? axisDuration(time) : ''}
        </span>
      ))}
      {brush && <span class="axis-brush" style={{ left: `${brush[0] * width}px`, width: `${(brush[1] - brush[0]) * width}px` }} />}
      {at !== null && (
        <span class="axis-cursor" style={{ left: `${Math.min(width - 64, toPixels(view, width, at))}px` }}>
          {duration(at)}
        </span>
      )}
    </span>
  );
}

/** Lines at the axis times and under the pointer. */
function Grid({ width }: { width: number }) {
  const { view } = useTrace();
  const lines = useMemo(() => axisTimes(view, Math.max(2, Math.floor(width / 80))), [view, width]);
  const at = hovered.value;
  return (
    <div class="grid-lines" style={{ width: `${width}px` }} aria-hidden="true">
      {lines.map((time) => (
        <i key={time} style={{ left: `${toPixels(view, width, time)}px` }} />
      ))}
      {at !== null && <i class="cursor" style={{ left: `${toPixels(view, width, at)}px` }} />}
    </div>
  );
}

/** Marks beside the scrollbar where matches and errors are. */
function Ruler({ state, height }: { state: TraceState; height: number }) {
  const { matches, visible, model } = state;
  const marks = useMemo(() => {
    const at = new Set<number>();
    for (const row of matches) at.add(Math.round((visibleIndex(visible, row) / Math.max(1, visible.length)) * height));
    return [...at];
  }, [matches, visible, height]);
  if (visible.length * ROW <= height || marks.length === 0) return null;
  return (
    <div class="ruler" style={{ height: `${height}px` }} aria-hidden="true" data-rows={model.rowCount}>
      {marks.map((y) => (
        <i key={y} style={{ top: `${y}px` }} />
      ))}
    </div>
  );
}

function Splitter({ width }: { width: number }) {
  const onPointerDown = (event: PointerEvent) => {
    const element = event.currentTarget as HTMLElement;
    const left = (element.parentElement as HTMLElement).getBoundingClientRect().left;
    const move = (e: PointerEvent) => {
      treeShare.value = Math.min(750, Math.max(150, Math.round(((e.clientX - left) / (width - DURATION)) * 1000)));
    };
    element.setPointerCapture(event.pointerId);
    element.addEventListener('pointermove', move);
    element.addEventListener('pointerup', () => element.removeEventListener('pointermove', move), { once: true });
  };
  return <div class="splitter" aria-hidden="true" onPointerDown={onPointerDown} />;
}

/** Ctrl-wheel over the timeline zooms at the pointer, a sideways wheel moves. */
function wheel(element: HTMLElement | null, state: TraceState, left: number, width: number) {
  if (!element) return undefined;
  const onWheel = (event: WheelEvent) => {
    const x = event.clientX - element.getBoundingClientRect().left - left;
    const sideways = Math.abs(event.deltaX) > Math.abs(event.deltaY) || event.shiftKey;
    if (x < 0 || !(event.ctrlKey || event.metaKey || sideways)) return;
    event.preventDefault();
    const { view, model } = state;
    if (sideways && !event.ctrlKey) {
      state.setView(pan(view, (event.deltaX || event.deltaY) / width, model.durationNano));
      return;
    }
    state.setView(zoomAt(view, event.deltaY > 0 ? 1.25 : 0.8, toTime(view, width, x), model.durationNano));
  };
  element.addEventListener('wheel', onWheel, { passive: false });
  return () => element.removeEventListener('wheel', onWheel);
}

/** The tree's keys, after the treegrid pattern of the ARIA authoring practices. */
function treeKey(event: KeyboardEvent, state: TraceState, page: number): void {
  if (event.ctrlKey || event.metaKey || event.altKey || state.visible.length === 0) return;
  const { model, fold, visible, active } = state;
  const at = visibleIndex(visible, active.value);
  const row = visible[at];
  const to = (index: number) => visible[Math.min(visible.length - 1, Math.max(0, index))];
  const folded = isFolded(model, fold, row);
  let next = row;
  switch (event.key) {
    case 'ArrowDown':
    case 'j':
      next = to(at + 1);
      break;
    case 'ArrowUp':
    case 'k':
      next = to(at - 1);
      break;
    case 'PageDown':
      next = to(at + page);
      break;
    case 'PageUp':
      next = to(at - page);
      break;
    case 'Home':
      next = to(0);
      break;
    case 'End':
      next = to(visible.length - 1);
      break;
    case 'ArrowRight':
      if (folded) state.setFold(setFolded(model, fold, row, false));
      else if (model.childCount[row] > 0) next = row + 1;
      break;
    case 'ArrowLeft':
      if (model.childCount[row] > 0 && !folded) state.setFold(setFolded(model, fold, row, true));
      else if (model.parent[row] >= 0) next = model.parent[row];
      break;
    case 'Enter':
    case ' ':
      state.select(row, { focus: true });
      break;
    default:
      return;
  }
  event.preventDefault();
  if (next === row) return;
  if (state.selected >= 0) state.select(next, { focus: true });
  else {
    active.value = next;
    state.goal.value = { row: next, focus: true };
  }
}

/** Whether a row matches the search, by binary search. */
export function isMatch(matches: Int32Array, row: number): boolean {
  return matches[lowerBound(matches, row)] === row;
}
