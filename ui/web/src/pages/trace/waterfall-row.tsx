// One row: the name in the tree, the duration, and the bar with what VISUAL calls its marks.
import { useMemo } from 'preact/hooks';
import { memo } from '../../components/memo.ts';
import { Icon } from '../../components/icon.tsx';
import { ServiceChip } from '../../components/service.tsx';
import { isFolded, setFolded } from '../../core/fold.ts';
import { count, duration, percent } from '../../core/format.ts';
import { splitName } from '../../core/span-name.ts';
import { nanos } from '../../core/otlp.ts';
import { barOf, criticalShape, selfPath, tickPositions } from '../../core/row-shapes.ts';
import { severityOf } from '../../core/severity.ts';
import { FLAG_ERROR, ODD_CYCLE, ODD_DUPLICATE, ODD_MISSING } from '../../core/trace-model.ts';
import { countBetween } from '../../core/trace-search.ts';
import { clamp, toPixels } from '../../core/viewport.ts';
import { rowLabel, rowName, rowService, useTrace, type TraceState } from './trace-state.ts';
import { isMatch, ROW } from './waterfall.tsx';

interface Props {
  row: number;
  /** Position among the visible rows. */
  index: number;
  timeWidth: number;
  indent: number;
  tabbable: boolean;
}

export const WaterfallRow = memo(function WaterfallRow({ row, index, timeWidth, indent, tabbable }: Props) {
  const state = useTrace();
  const { model, fold, selected } = state;
  const folded = isFolded(model, fold, row);
  const hasChildren = model.childCount[row] > 0;
  const missing = model.odd[row] === ODD_MISSING;
  const classes = ['wrow'];
  if (row === selected) classes.push('selected');
  if (isMatch(state.matches, row)) classes.push('match');
  if (missing) classes.push('missing');
  return (
    <div
      id={`row-${row}`}
      role="row"
      class={classes.join(' ')}
      style={{ transform: `translateY(${index * ROW}px)` }}
      tabIndex={tabbable ? 0 : -1}
      aria-rowindex={index + 2}
      aria-level={model.depth[row] + 1}
      aria-posinset={model.position[row]}
      aria-setsize={setSize(state, row)}
      aria-expanded={hasChildren ? !folded : undefined}
      aria-selected={row === selected}
      aria-label={rowLabel(model, row)}
      onClick={() => (missing ? state.goTo(row) : state.select(row, { focus: true }))}
      onDblClick={() => state.setView(clamp({ from: model.start[row], to: model.end[row] }, model.durationNano))}
    >
      <NameCell state={state} row={row} indent={indent} folded={folded} />
      <span role="gridcell" class="num wduration">
        {missing ? '' : duration(model.end[row] - model.start[row])}
      </span>
      <span role="gridcell" class="wtime">
        {missing ? (
          <Extent state={state} row={row} width={timeWidth} />
        ) : (
          <Shapes state={state} row={row} folded={folded} width={timeWidth} />
        )}
      </span>
    </div>
  );
});

function setSize(state: TraceState, row: number): number {
  const parent = state.model.parent[row];
  return parent < 0 ? -1 : state.model.childCount[parent];
}

function NameCell({ state, row, indent, folded }: { state: TraceState; row: number; indent: number; folded: boolean }) {
  const { model, fold } = state;
  const hasChildren = model.childCount[row] > 0;
  const service = rowService(model, row);
  const parent = model.parent[row];
  const crossing = parent < 0 || model.service[parent] !== model.service[row];
  const hidden = model.subtree[row] - 1;
  const hiddenMatches = folded ? countBetween(state.matches, row + 1, row + model.subtree[row]) : 0;
  const depth = model.depth[row];
  return (
    <span role="gridcell" class="wname">
      <span class="guides" style={{ width: `${depth * indent}px`, backgroundSize: `${indent}px 100%` }} />
      {hasChildren ? (
        <button
          type="button"
          class={folded ? 'twisty' : 'twisty open'}
          tabIndex={-1}
          aria-hidden="true"
          onClick={(event) => {
            event.stopPropagation();
            state.active.value = row;
            state.setFold(setFolded(model, fold, row, !folded));
            state.goal.value = { row, focus: true };
          }}
        >
          <Icon name="chevron-right" size={14} />
        </button>
      ) : (
        <span class="twisty" />
      )}
      {model.odd[row] === ODD_MISSING ? (
        <>
          <Icon name="circle-question-mark" size={14} />
          <span class="cut warn">
            not received: <code>{model.spanId[row]}</code>
          </span>
        </>
      ) : (
        <>
          <ServiceChip mark={state.marks.get(service)} />
          {crossing && <span class="wservice">{service}</span>}
          <SpanName name={rowName(model, row)} error={(model.flags[row] & FLAG_ERROR) !== 0} />
          {model.odd[row] === ODD_DUPLICATE && <span class="odd">same id again</span>}
          {model.odd[row] === ODD_CYCLE && <span class="odd">cycle cut here</span>}
        </>
      )}
      {folded && (
        <span class="hidden-count" title={`${count(hidden)} hidden below`}>
          {hiddenMatches > 0 ? `${count(hiddenMatches)} of ` : ''}+{count(hidden)}
        </span>
      )}
    </span>
  );
}

/** A long RPC name gives up its package first: the method says most. */
function SpanName({ name, error }: { name: string; error: boolean }) {
  const { prefix, rest } = splitName(name);
  return (
    <span class={error ? 'wspan werror' : 'wspan'}>
      {prefix !== '' && <span class="wprefix cut">{prefix}</span>}
      <span class="cut">{rest}</span>
    </span>
  );
}

/** From one time to another as a style, clipped to the view; null when it lies outside. */
function stretch(state: TraceState, width: number, from: number, to: number) {
  const left = Math.max(-4, toPixels(state.view, width, from));
  const right = Math.min(width + 4, toPixels(state.view, width, to));
  return right < 0 || left > width ? null : { left: `${left}px`, width: `${Math.max(2, right - left)}px` };
}

/** A parent that was not received has no time of its own: an outline shows what its children span. */
function Extent({ state, row, width }: { state: TraceState; row: number; width: number }) {
  const style = stretch(state, width, state.model.start[row], state.model.reach[row]);
  return style && <span class="bar lost" style={style} />;
}

/** What a folded row hides beyond its own end. */
function HiddenTail({ state, row, width }: { state: TraceState; row: number; width: number }) {
  const { end, reach } = state.model;
  const style = reach[row] > end[row] ? stretch(state, width, end[row], reach[row]) : null;
  return style && <span class={`hidden-tail svc-${state.marks.get(rowService(state.model, row))?.slot ?? 'none'}`} style={style} />;
}

/** The bar, its self time, the critical path, ticks and the error glyph. Coordinates are pixels of the timeline. */
function Shapes({ state, row, folded, width }: { state: TraceState; row: number; folded: boolean; width: number }) {
  const { model, view, path, ticks } = state;
  const end = folded ? row + model.subtree[row] : row + 1;
  const bar = useMemo(() => barOf(model, view, width, row), [model, view, width, row]);
  const critical = useMemo(() => criticalShape(path, view, width, row, end), [path, view, width, row, end]);
  const self = useMemo(() => bar && selfPath(model, view, width, row, bar), [model, view, width, row, bar]);
  const logs = useMemo(
    () => tickPositions(ticks.time.subarray(ticks.offset[row], ticks.offset[end]).slice().sort(), view, width),
    [ticks, row, end, view, width],
  );
  const worst = useMemo(() => worstSeverity(ticks.severityNumber.subarray(ticks.offset[row], ticks.offset[end])), [ticks, row, end]);
  const eventTimes = useEventTimes(state, row);
  const events = useMemo(() => tickPositions(eventTimes, view, width), [eventTimes, view, width]);
  const mark = state.marks.get(rowService(model, row));
  const own = (model.flags[row] & FLAG_ERROR) !== 0;
  const below = model.errorsBelow[row] > 0;
  return (
    <>
      {folded && <HiddenTail state={state} row={row} width={width} />}
      {bar && (
        <span
          class={`bar svc-${mark?.slot ?? 'none'} ${self === null ? 'solid' : ''}`}
          style={{ left: `${bar.x}px`, width: `${bar.width}px` }}
          title={`${duration(model.self[row])} self of ${duration(model.end[row] - model.start[row])}, ${percent((model.end[row] - model.start[row]) / Math.max(1, model.durationNano))} of the trace`}
        >
          {self && (
            <svg width={Math.ceil(bar.width)} height="14" aria-hidden="true">
              <path d={self} />
            </svg>
          )}
        </span>
      )}
      <svg class="marks" width={width} height={ROW} aria-hidden="true">
        {critical && <path class="critical" d={critical} transform="translate(0 20.5)" />}
        {events.length > 0 && <path class="event-tick" d={events.map((x) => `M${x - 2.5} 0H${x + 2.5}L${x} 4.5z`).join('')} />}
        {logs.length > 0 && <path class={`log-tick sev-${worst}`} d={logs.map((x) => `M${x - 1} 18H${x + 1}V24H${x - 1}z`).join('')} />}
      </svg>
      {bar && (own || below) && (
        <span class={own ? 'glyph own' : 'glyph'} style={{ left: `${Math.max(1, bar.x >= 14 ? bar.x - 13 : bar.x + 2)}px` }} />
      )}
    </>
  );
}

function worstSeverity(numbers: Uint8Array): string {
  let worst = 0;
  for (const n of numbers) if (n > worst) worst = n;
  return severityOf(worst);
}

function useEventTimes(state: TraceState, row: number): number[] {
  const { model, details } = state;
  const epoch = details.epoch.value;
  return useMemo(() => {
    if (model.eventCount[row] === 0) return NONE;
    const start = model.startUnixNano + BigInt(Math.round(model.start[row]));
    const detail = details.get(model.spanId[row], start);
    return (detail?.span.events ?? []).map((e) => Number(nanos(e.timeUnixNano) - model.startUnixNano)).sort((a, b) => a - b);
  }, [model, row, epoch]);
}

const NONE: number[] = [];
