// Trace search: filters, the list, and what is shown when there is nothing to list.
import { lazy } from 'preact-iso';
import { useEffect } from 'preact/hooks';
import { useStatus, useTraces } from '../../api/queries.ts';
import '../../components/filter-bar.css';
import { Icon } from '../../components/icon.tsx';
import { Failure } from '../../components/notice.tsx';
import { OperationPicker, ServicePicker } from '../../components/pickers.tsx';
import { RangePicker } from '../../components/range-picker.tsx';
import { useSearchMoment } from '../../components/scroll-memory.ts';
import { IncompleteNote, NothingFound, ResultNote } from '../../components/search-state.tsx';
import { bounds, parseRange } from '../../core/time-range.ts';
import { useUrl } from '../../url.ts';
import { TraceList } from './trace-list.tsx';

const Welcome = lazy(() => import('../connect/connect-page.tsx').then((m) => m.ConnectPage));

export function TracesPage() {
  const url = useUrl();
  const q = url.query.q ?? '';
  const order = url.query.order === 'slowest' ? 'slowest' : 'newest';
  const { now, refresh } = useSearchMoment(`${q} ${url.query.t} ${order}`);
  const traces = useTraces({ q, order, ...bounds(parseRange(url.query.t), now) });
  useEffect(() => {
    document.title = q ? `${q} · traces · Spandrel` : 'Traces · Spandrel';
  }, [q]);

  const pages = traces.data?.pages ?? [];
  const hits = pages.flatMap((page) => page.traces);
  const empty = traces.isSuccess && hits.length === 0;
  const status = useStatus(empty ? 2000 : false);
  const never = empty && status.data?.newest_span_unix_nano === null;
  useEffect(() => {
    // The first span has come while the page was waiting for it.
    if (empty && status.data && !never && q === '') refresh();
  }, [never]);

  if (never) return <Welcome />;
  return (
    <>
      <h1 class="hidden-text">Traces</h1>
      <div class="filter-bar">
        <ServicePicker counts="span_count" />
        <OperationPicker />
        <div class="segmented" role="group" aria-label="Order">
          <button type="button" aria-pressed={order === 'newest'} onClick={() => url.set({ order: null })}>
            newest
          </button>
          <button type="button" aria-pressed={order === 'slowest'} onClick={() => url.set({ order: 'slowest' })}>
            slowest
          </button>
        </div>
        <div class="grow" />
        <RangePicker />
        <button type="button" class="button quiet" title="Search again" aria-label="Search again" onClick={refresh}>
          <Icon name="refresh-cw" />
        </button>
      </div>
      <div class={traces.isFetching ? 'progress busy' : 'progress'} />
      <IncompleteNote answers={pages} />
      {traces.isError && <Failure what="Traces" error={traces.error} retry={() => void traces.refetch()} />}
      {!traces.isError && empty && <NothingFound noun="traces" signal="traces" />}
      {!traces.isError && hits.length > 0 && (
        <TraceList
          hits={hits}
          more={traces.hasNextPage ? () => void traces.fetchNextPage() : null}
          loading={traces.isFetchingNextPage}
          note={<ResultNote shown={hits.length} noun="traces" answer={pages[pages.length - 1]} />}
        />
      )}
    </>
  );
}
