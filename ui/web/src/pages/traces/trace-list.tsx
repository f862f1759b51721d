import type { ComponentChildren } from 'preact';
import { useEffect, useMemo, useRef } from 'preact/hooks';
import type { TraceHit } from '../../api/types.ts';
import { Icon } from '../../components/icon.tsx';
import { useScrollMemory } from '../../components/scroll-memory.ts';
import { useNow } from '../../components/search-state.tsx';
import { ServiceChip, useServiceMarks } from '../../components/service.tsx';
import type { ServiceMark } from '../../core/colors.ts';
import { age, count, dateTime, duration, plural } from '../../core/format.ts';
import { href } from '../../url.ts';
import './trace-list.css';

interface Props {
  hits: TraceHit[];
  more: (() => void) | null;
  loading: boolean;
  note: ComponentChildren;
}

/** Most dots in a row; the rest is a number. */
const DOTS_MAX = 8;

export function TraceList({ hits, more, loading, note }: Props) {
  const now = useNow();
  const list = useRef<HTMLDivElement>(null);
  useScrollMemory(list);
  const longest = hits.reduce((max, hit) => Math.max(max, hit.duration_nano), 1);
  return (
    <div ref={list} class="trace-list" tabIndex={-1}>
      <div class="trace-table" role="table" aria-label="Traces" aria-rowcount={-1}>
        <div role="rowgroup" class="trace-heads">
          <div class="trace-head" role="row">
            <span role="columnheader">Duration</span>
            <span role="columnheader">Root</span>
            <span role="columnheader">Services</span>
            <span role="columnheader" class="right">
              Spans
            </span>
            <span role="columnheader" class="right">
              Errors
            </span>
            <span role="columnheader" class="right">
              Started
            </span>
          </div>
        </div>
        <div role="rowgroup">
          {hits.map((hit) => (
            <TraceRow key={hit.trace_id} hit={hit} longest={longest} now={now} />
          ))}
        </div>
      </div>
      {more && <More load={more} loading={loading} />}
      {note}
    </div>
  );
}

function TraceRow({ hit, longest, now }: { hit: TraceHit; longest: number; now: number }) {
  const marks = useServiceMarks(useMemo(() => hit.services.map((s) => s.name), [hit]));
  const start = BigInt(hit.start_unix_nano);
  const shown = hit.root ?? hit.matched;
  const mark = marks.get(shown.service);
  const share = Math.max(0.004, hit.duration_nano / longest);
  return (
    <div class="trace-row" role="row">
      <span role="cell" class="trace-duration">
        <span class={`trace-bar svc-${mark?.slot ?? 'none'}`} style={{ width: `calc((100% - 80px) * ${share})` }} />
        <span class="num">{duration(hit.duration_nano)}</span>
      </span>
      <span role="cell" class="trace-root">
        <ServiceChip mark={mark} />
        <span class="muted trace-service">{shown.service || 'unnamed service'}</span>
        <a class="trace-link cut" href={href(`/trace/${hit.trace_id}`, {})}>
          {shown.name || 'unnamed span'}
        </a>
        {hit.root === null && <span class="trace-rootless">root not received</span>}
      </span>
      <span role="cell" class="trace-services">
        <ServiceDots hit={hit} marks={marks} />
      </span>
      <span role="cell" class="num trace-spans">
        {count(hit.span_count)}
        <span class="narrow-word"> spans</span>
      </span>
      <span role="cell" class="num trace-errors">
        {hit.error_count > 0 && (
          <span class="error-count" title={plural(hit.error_count, 'error')}>
            <Icon name="circle-alert" size={12} />
            {count(hit.error_count)}
          </span>
        )}
      </span>
      <span role="cell" class="trace-age" title={dateTime(start)}>
        {age(start, now)}
      </span>
    </div>
  );
}

function ServiceDots({ hit, marks }: { hit: TraceHit; marks: Map<string, ServiceMark> }) {
  const names = hit.services.map((s) => `${s.name} ${plural(s.span_count, 'span')}`).join(', ');
  return (
    <span class="dots" title={names}>
      <span class="num">{hit.services.length}</span>
      <span class="hidden-text">{names}</span>
      {hit.services.slice(0, DOTS_MAX).map((s) => (
        <i key={s.name} aria-hidden="true" class={`dot svc-${marks.get(s.name)?.slot ?? 'none'} ${s.error_count > 0 ? 'has-error' : ''}`} />
      ))}
      {hit.services.length > DOTS_MAX && <span class="muted small">+{hit.services.length - DOTS_MAX}</span>}
    </span>
  );
}

/** Loads on its own when scrolled into view; stays a button for the keyboard. */
export function More({ load, loading }: { load: () => void; loading: boolean }) {
  const end = useRef<HTMLDivElement>(null);
  const latest = useRef(load);
  latest.current = load;
  useEffect(() => {
    if (!end.current || loading) return undefined;
    const seen = new IntersectionObserver((entries) => entries.some((e) => e.isIntersecting) && latest.current());
    seen.observe(end.current);
    return () => seen.disconnect();
  }, [loading]);
  return (
    <div ref={end} class="more">
      <button type="button" class="button" disabled={loading} onClick={load}>
        {loading ? 'Loading' : 'Load more'}
      </button>
    </div>
  );
}
