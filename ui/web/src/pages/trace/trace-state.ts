// Everything the parts of the trace page share. The URL is the truth for span, zoom, folds, tab and search;
// the row under the keyboard and what is hovered are not worth a URL.
import { batch, signal, type Signal } from '@preact/signals';
import { createContext } from 'preact';
import { useContext, useEffect, useMemo, useRef } from 'preact/hooks';
import { useLogs } from '../../api/queries.ts';
import { gapIn, type LogRecord, type SkeletonAnswer } from '../../api/types.ts';
import type { ServiceMark } from '../../core/colors.ts';
import { criticalPath, type CriticalPath } from '../../core/critical-path.ts';
import { parseFold, printFold, reveal, visibleRows, type FoldState } from '../../core/fold.ts';
import { logTicks, type LogTicks } from '../../core/log-ticks.ts';
import { buildTrace, FLAG_ERROR, ODD_MISSING, type TraceModel } from '../../core/trace-model.ts';
import { searchRows } from '../../core/trace-search.ts';
import { duration, spanKind } from '../../core/format.ts';
import { isFull, parseViewport, printViewport, type Viewport } from '../../core/viewport.ts';
import { useServiceMarks } from '../../components/service.tsx';
import { useUrl } from '../../url.ts';
import { SpanDetails } from './span-details.ts';

export const TABS = ['overview', 'attributes', 'events', 'links', 'resource', 'logs', 'all-logs'] as const;
export type Tab = (typeof TABS)[number];

export interface TraceState {
  readonly answer: SkeletonAnswer;
  readonly model: TraceModel;
  readonly path: CriticalPath;
  readonly marks: ReadonlyMap<string, ServiceMark>;
  readonly details: SpanDetails;
  readonly view: Viewport;
  readonly fold: FoldState;
  readonly visible: Int32Array;
  /** Row of the selected span, -1 for none. */
  readonly selected: number;
  readonly tab: Tab;
  readonly search: string;
  readonly matches: Int32Array;
  readonly logs: readonly LogRecord[];
  readonly logsMore: (() => void) | null;
  readonly logsPending: boolean;
  readonly logsError: unknown;
  /** Why the logs may lack something; null when they are complete. */
  readonly logsGap: string | null;
  readonly ticks: LogTicks;
  /** The row that the keyboard is on. */
  readonly active: Signal<number>;
  /** Asks the waterfall to show a row and, if wanted, to focus it. */
  readonly goal: Signal<{ row: number; focus: boolean } | null>;
  setView(view: Viewport): void;
  setFold(fold: FoldState): void;
  setSearch(text: string): void;
  /** Selects a row, opens it in the drawer and unfolds what hides it. */
  select(row: number, options?: { tab?: Tab; focus?: boolean }): void;
  setTab(tab: Tab | null): void;
  closeDrawer(): void;
  /** Moves to a row without opening it. */
  goTo(row: number): void;
}

export const TraceContext = createContext<TraceState | null>(null);

export function useTrace(): TraceState {
  const state = useContext(TraceContext);
  if (!state) throw new Error('not inside a trace page');
  return state;
}

const TRACE_LOGS_PAGE = 1000;
/** A zoom in progress is written to the URL when it rests, so that the history is not flooded. */
const SETTLE_MILLIS = 150;

export function useTraceState(answer: SkeletonAnswer): TraceState {
  const url = useUrl();
  const before = useRef<{ model: TraceModel; active: Signal<number>; details: SpanDetails } | null>(null);
  const { model, path, details, active, goal, live } = useMemo(() => {
    const built = buildTrace(answer);
    // A trace that grew keeps the keyboard on the same span, and what was fetched about its spans.
    const old = before.current;
    const row = old ? (built.rowByKey.get(old.model.key[old.active.value]) ?? 0) : 0;
    return {
      model: built,
      path: criticalPath(built),
      details: old?.details ?? new SpanDetails(built.traceId),
      active: signal(row),
      goal: signal<{ row: number; focus: boolean } | null>(null),
      live: signal<Viewport | null>(null),
    };
  }, [answer]);
  const marks = useServiceMarks(model.services);
  before.current = { model, active, details };
  const settling = useRef<ReturnType<typeof setTimeout> | undefined>(undefined);
  useEffect(() => () => details.close(), [details]);
  useEffect(() => () => clearTimeout(settling.current), []);

  const logsQuery = useLogs({ trace_id: model.traceId, order: 'oldest' }, { limit: TRACE_LOGS_PAGE });
  // A trace that grew has new logs too.
  const logsOf = useRef(model);
  useEffect(() => {
    if (logsOf.current !== model) void logsQuery.refetch();
    logsOf.current = model;
  }, [model]);
  const logs = useMemo(() => logsQuery.data?.pages.flatMap((page) => page.logs) ?? [], [logsQuery.data]);
  const ticks = useMemo(() => logTicks(model, logs), [model, logs]);

  const fold = useMemo(() => parseFold(url.query.fold), [url.query.fold]);
  const visible = useMemo(() => visibleRows(model, fold), [model, fold]);
  const stored = useMemo(() => parseViewport(url.query.z, model.durationNano), [model, url.query.z]);
  const view = live.value ?? stored;
  const search = url.query.find ?? '';
  const matches = useMemo(() => searchRows(model, search), [model, search]);
  const selected = url.query.span ? (model.rowByKey.get(url.query.span) ?? -1) : -1;
  const asked = TABS.find((tab) => tab === url.query.tab);

  const opened = useRef(false);
  if (!opened.current && selected >= 0) {
    // Opened with a span in the URL: go to it.
    active.value = selected;
    goal.value = { row: selected, focus: false };
  }
  opened.current = true;

  const foldText = (next: FoldState) => printFold(next) || null;
  return {
    answer,
    model,
    path,
    marks,
    details,
    view,
    fold,
    visible,
    selected,
    tab: asked ?? 'overview',
    search,
    matches,
    logs,
    logsMore: logsQuery.hasNextPage ? () => void logsQuery.fetchNextPage() : null,
    logsPending: logsQuery.isPending,
    logsError: logsQuery.error,
    logsGap: gapIn(logsQuery.data?.pages),
    ticks,
    active,
    goal,
    setView: (next) => {
      live.value = next;
      clearTimeout(settling.current);
      settling.current = setTimeout(() => {
        const whole = isFull(next, model.durationNano);
        batch(() => {
          live.value = null;
          url.set({ z: whole ? null : printViewport(next) }, true);
        });
      }, SETTLE_MILLIS);
    },
    setFold: (next) => url.set({ fold: foldText(next) }, true),
    setSearch: (text) => url.set({ find: text }, true),
    select: (row, { tab, focus = false } = {}) => {
      const opened = reveal(model, fold, row);
      active.value = row;
      goal.value = { row, focus };
      url.set({ span: model.key[row], fold: foldText(opened), ...(tab ? { tab } : {}) }, true);
    },
    setTab: (tab) => url.set({ tab: tab === 'overview' ? null : tab }, true),
    closeDrawer: () => {
      if (selected >= 0) goal.value = { row: selected, focus: true };
      url.set({ span: null, tab: null }, true);
    },
    goTo: (row) => {
      const opened = reveal(model, fold, row);
      if (opened !== fold) url.set({ fold: foldText(opened) }, true);
      active.value = row;
      goal.value = { row, focus: true };
    },
  };
}

/** Whether the drawer shows: a span is selected, or the logs of the whole trace are asked for. */
export function drawerOpen(state: TraceState): boolean {
  return state.selected >= 0 || state.tab === 'all-logs';
}

export function rowName(model: TraceModel, row: number): string {
  if (model.odd[row] === ODD_MISSING) return `not received: span ${model.spanId[row]}`;
  return model.names[model.name[row]] || 'unnamed span';
}

export function rowService(model: TraceModel, row: number): string {
  return model.service[row] < 0 ? '' : model.services[model.service[row]];
}

/** What a screen reader says for a row. */
export function rowLabel(model: TraceModel, row: number): string {
  if (model.odd[row] === ODD_MISSING) {
    return `parent not received, span ${model.spanId[row]}, named by ${model.childCount[row]} spans`;
  }
  const parts = [
    rowService(model, row),
    rowName(model, row),
    spanKind(model.kind[row]),
    duration(model.end[row] - model.start[row]),
  ];
  if (model.flags[row] & FLAG_ERROR) parts.push('error');
  else if (model.errorsBelow[row] > 0) parts.push(`${model.errorsBelow[row]} errors below`);
  return parts.join(', ');
}
