// One trace: header, overview, waterfall, drawer.
import { useRoute } from 'preact-iso';
import { useEffect, useRef, useState } from 'preact/hooks';
import { ApiError } from '../../api/client.ts';
import { useSkeleton } from '../../api/queries.ts';
import type { SkeletonAnswer } from '../../api/types.ts';
import { Failure, Notice } from '../../components/notice.tsx';
import { Drawer } from './drawer.tsx';
import { Overview } from './overview.tsx';
import { TraceHeader } from './trace-header.tsx';
import { drawerOpen, TraceContext, useTraceState } from './trace-state.ts';
import { useTraceKeys } from './trace-keys.ts';
import { Waterfall } from './waterfall.tsx';
import './trace-page.css';

export function TracePage() {
  const { params } = useRoute();
  const traceId = (params.traceId ?? '').toLowerCase();
  if (!/^[0-9a-f]{32}$/.test(traceId)) {
    return (
      <Notice title="This is not a trace id">
        A trace id has 32 hexadecimal digits; <code>{params.traceId}</code> does not. <a href="/traces">Search traces</a>
      </Notice>
    );
  }
  return <LoadedTrace key={traceId} traceId={traceId} />;
}

function LoadedTrace({ traceId }: { traceId: string }) {
  const skeleton = useSkeleton(traceId);
  const answer = useUnlessSame(skeleton.data);
  const late = useLate(150);
  if (skeleton.isError && !answer) {
    if (skeleton.error instanceof ApiError && skeleton.error.status === 404) {
      return (
        <Notice
          alert
          title="This trace is not here"
          actions={
            <>
              <button type="button" class="button" onClick={() => void skeleton.refetch()}>
                Look again
              </button>
              <a class="button" href={`/logs?trace_id=${traceId}&t=all`}>
                Logs with this trace id
              </a>
            </>
          }
        >
          No span of trace <code>{traceId}</code> is stored. It may still be on its way, may have been sampled away before it
          was sent, or may be older than the retention time.
        </Notice>
      );
    }
    return <Failure what="The trace" error={skeleton.error} retry={() => void skeleton.refetch()} />;
  }
  if (!answer) return late ? <p class="trace-wait muted">Loading trace {traceId}</p> : null;
  return <TraceView answer={answer} />;
}

/** The answer shown before, as long as a new one says nothing new: the rows then stay as they are. */
function useUnlessSame(data: SkeletonAnswer | undefined): SkeletonAnswer | undefined {
  const shown = useRef(data);
  const old = shown.current;
  const same =
    old !== undefined &&
    data !== undefined &&
    old.span_count === data.span_count &&
    old.duration_nano === data.duration_nano &&
    old.missing_parents.length === data.missing_parents.length &&
    old.complete === data.complete;
  if (!same) shown.current = data;
  return shown.current;
}

/** True after a while, so that fast answers do not flash a placeholder. */
function useLate(millis: number): boolean {
  const [late, setLate] = useState(false);
  useEffect(() => {
    const timer = setTimeout(() => setLate(true), millis);
    return () => clearTimeout(timer);
  }, [millis]);
  return late;
}

function TraceView({ answer }: { answer: SkeletonAnswer }) {
  const state = useTraceState(answer);
  useTraceKeys(state);
  return (
    <TraceContext.Provider value={state}>
      <TraceHeader />
      <div class="trace-body">
        <div class="trace-canvas">
          <Overview />
          <Waterfall />
        </div>
        {drawerOpen(state) && <Drawer />}
      </div>
    </TraceContext.Provider>
  );
}
