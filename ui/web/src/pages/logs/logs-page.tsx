// Log search: filters, dense rows that unfold in place.
import type { ComponentChildren } from 'preact';
import { useEffect, useMemo, useRef } from 'preact/hooks';
import { useLogs, useStatus } from '../../api/queries.ts';
import type { LogRecord } from '../../api/types.ts';
import '../../components/filter-bar.css';
import { Icon } from '../../components/icon.tsx';
import { LogRow } from '../../components/log-row.tsx';
import { Failure, Notice } from '../../components/notice.tsx';
import { ServicePicker } from '../../components/pickers.tsx';
import { useServiceMarks } from '../../components/service.tsx';
import { RangePicker } from '../../components/range-picker.tsx';
import { useScrollMemory, useSearchMoment } from '../../components/scroll-memory.ts';
import { IncompleteNote, NothingFound, ResultNote } from '../../components/search-state.tsx';
import { SEVERITIES } from '../../core/severity.ts';
import { terms, withTerm } from '../../core/query-text.ts';
import { bounds, parseRange } from '../../core/time-range.ts';
import { href, useUrl } from '../../url.ts';
import { More } from '../traces/trace-list.tsx';
import './logs-page.css';

export function LogsPage() {
  const url = useUrl();
  const q = url.query.q ?? '';
  const order = url.query.order === 'oldest' ? 'oldest' : 'newest';
  const { trace_id, span_id } = url.query;
  const { now, refresh } = useSearchMoment(`${q} ${url.query.t} ${order} ${trace_id} ${span_id}`);
  const logs = useLogs({ q, order, trace_id, span_id, ...bounds(parseRange(url.query.t), now) });
  useEffect(() => {
    document.title = q ? `${q} · logs · Spandrel` : 'Logs · Spandrel';
  }, [q]);

  const pages = logs.data?.pages ?? [];
  const records = useMemo(() => pages.flatMap((page) => page.logs), [logs.data]);
  const empty = logs.isSuccess && records.length === 0;
  const never = useStatus(empty ? 2000 : false).data?.newest_log_unix_nano === null;

  return (
    <>
      <h1 class="hidden-text">Logs</h1>
      <div class="filter-bar">
        <ServicePicker counts="log_count" />
        <SeverityPicker />
        <div class="segmented" role="group" aria-label="Order">
          <button type="button" aria-pressed={order === 'newest'} onClick={() => url.set({ order: null })}>
            newest
          </button>
          <button type="button" aria-pressed={order === 'oldest'} onClick={() => url.set({ order: 'oldest' })}>
            oldest
          </button>
        </div>
        <IdFilter name="trace_id" />
        <IdFilter name="span_id" />
        <div class="grow" />
        <RangePicker />
        <button type="button" class="button quiet" title="Search again" aria-label="Search again" onClick={refresh}>
          <Icon name="refresh-cw" />
        </button>
      </div>
      <div class={logs.isFetching ? 'progress busy' : 'progress'} />
      <IncompleteNote answers={pages} />
      {logs.isError && <Failure what="Logs" error={logs.error} retry={() => void logs.refetch()} />}
      {empty && never && (
        <Notice title="No log record has arrived yet" actions={<a class="button" href="/connect">How to send logs</a>}>
          Log records sent to this server appear here, each with a link to its trace.
        </Notice>
      )}
      {!logs.isError && empty && !never && <NothingFound noun="log records" signal="logs" />}
      {!logs.isError && records.length > 0 && (
        <LogList records={records}>
          {logs.hasNextPage && <More load={() => void logs.fetchNextPage()} loading={logs.isFetchingNextPage} />}
          <ResultNote shown={records.length} noun="log records" answer={pages[pages.length - 1]} />
        </LogList>
      )}
    </>
  );
}

function LogList({ records, children }: { records: LogRecord[]; children: ComponentChildren }) {
  const marks = useServiceMarks(useMemo(() => records.map((log) => log.service), [records]));
  const list = useRef<HTMLDivElement>(null);
  useScrollMemory(list);
  return (
    <div ref={list} class="log-list" tabIndex={-1}>
      {records.map((log) => (
        <LogRow key={log.id} log={log} mark={marks.get(log.service)} />
      ))}
      {children}
    </div>
  );
}

/** Writes `severity>=…` into the query. */
function SeverityPicker() {
  const url = useUrl();
  const q = url.query.q ?? '';
  const found = terms(q).find((t) => t.key === 'severity' && t.operator === '>=' && !t.negated);
  const choose = (severity: string) => {
    const rest = terms(q)
      .filter((t) => t.key !== 'severity')
      .map((t) => q.slice(t.from, t.to))
      .join(' ');
    const clean = withTerm(rest, ['severity'], null);
    url.set({ q: severity === '' ? clean : `${clean} severity>=${severity}`.trim() });
  };
  return (
    <select class="field" aria-label="Severity" value={found?.value ?? ''} onChange={(e) => choose(e.currentTarget.value)}>
      <option value="">All severities</option>
      {SEVERITIES.map((severity) => (
        <option key={severity} value={severity}>
          {severity} or more
        </option>
      ))}
    </select>
  );
}

/** A filter that came with the URL, shown with a way to drop it. */
function IdFilter({ name }: { name: 'trace_id' | 'span_id' }) {
  const url = useUrl();
  const id = url.query[name];
  if (!id) return null;
  const word = name === 'trace_id' ? 'trace' : 'span';
  const target = name === 'trace_id' ? href(`/trace/${id}`, { tab: 'all-logs' }) : null;
  return (
    <span class="id-filter">
      {target ? <a href={target}>{word}</a> : word} <code>{id.slice(0, 8)}…</code>
      <button type="button" class="button quiet tiny" aria-label={`Drop the ${word} filter`} onClick={() => url.set({ [name]: null })}>
        <Icon name="x" size={14} />
      </button>
    </span>
  );
}
