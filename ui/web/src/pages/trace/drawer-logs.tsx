// Logs in the drawer: those of the selected span, and those of the whole trace.
import { useState } from 'preact/hooks';
import { useLogs } from '../../api/queries.ts';
import { gapIn, type LogRecord } from '../../api/types.ts';
import { LogRow } from '../../components/log-row.tsx';
import { Failure } from '../../components/notice.tsx';
import { href } from '../../url.ts';
import { useTrace } from './trace-state.ts';

export function SpanLogs() {
  const state = useTrace();
  const { model, selected } = state;
  const [below, setBelow] = useState(false);
  const spanId = model.spanId[selected];
  // All logs of the trace are here unless there are very many; then this span's are asked for.
  const query = useLogs(
    { trace_id: model.traceId, span_id: spanId, order: 'oldest' },
    { limit: 1000, enabled: state.logsMore !== null && !below },
  );
  const logs = below
    ? state.logs.filter((log) => inSubtree(state, log))
    : state.logsMore === null
      ? state.logs.filter((log) => log.span_id === spanId)
      : (query.data?.pages.flatMap((page) => page.logs) ?? []);
  const failure = state.logsError ?? query.error;
  return (
    <div>
      {model.childCount[selected] > 0 && (
        <div class="drawer-pad slim">
          <div class="segmented" role="group" aria-label="Which logs">
            <button type="button" aria-pressed={!below} onClick={() => setBelow(false)}>
              this span
            </button>
            <button type="button" aria-pressed={below} onClick={() => setBelow(true)}>
              with the spans below
            </button>
          </div>
        </div>
      )}
      <Gap reason={state.logsGap ?? gapIn(query.data?.pages)} />
      {failure ? (
        <Failure what="The logs" error={failure} />
      ) : (
        <List logs={logs} pending={state.logsPending || query.isLoading} empty="No log record carries this span's id." />
      )}
      {below && state.logsMore && <More load={state.logsMore} />}
      {!below && query.hasNextPage && <More load={() => void query.fetchNextPage()} />}
    </div>
  );
}

function inSubtree(state: ReturnType<typeof useTrace>, log: LogRecord): boolean {
  const { model, selected } = state;
  const row = log.span_id === null ? undefined : model.rowByKey.get(log.span_id);
  return row !== undefined && row >= selected && row < selected + model.subtree[selected];
}

export function AllLogs() {
  const state = useTrace();
  const { model } = state;
  return (
    <div>
      <Gap reason={state.logsGap} />
      {state.logsError ? (
        <Failure what="The logs" error={state.logsError} />
      ) : (
        <List logs={state.logs} pending={state.logsPending} empty="No log record carries this trace's id." />
      )}
      {state.logsMore && <More load={state.logsMore} />}
      <p class="drawer-pad slim">
        <a href={href('/logs', { trace_id: model.traceId, t: 'all', order: 'oldest' })}>Open on the logs page</a>
      </p>
    </div>
  );
}

function Gap({ reason }: { reason: string | null }) {
  return (
    reason !== null && (
      <p class="drawer-pad slim warn-text" role="status">
        These logs are not complete: {reason}. Records may be missing.
      </p>
    )
  );
}

function More({ load }: { load: () => void }) {
  return (
    <div class="more">
      <button type="button" class="button" onClick={load}>
        Load more
      </button>
    </div>
  );
}

function List({ logs, pending, empty }: { logs: readonly LogRecord[]; pending: boolean; empty: string }) {
  const state = useTrace();
  const { model } = state;
  if (logs.length === 0) return <p class="muted drawer-pad">{pending ? 'Loading the logs' : empty}</p>;
  return (
    <div class="drawer-logs">
      {logs.map((log) => {
        const row = log.span_id === null ? undefined : model.rowByKey.get(log.span_id);
        return (
          <LogRow
            key={log.id}
            log={log}
            mark={state.marks.get(log.service)}
            origin={model.startUnixNano}
            current={row !== undefined && row === state.selected}
            onSpan={row === undefined ? null : () => state.select(row)}
            compact
          />
        );
      })}
    </div>
  );
}
