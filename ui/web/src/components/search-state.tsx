// What the two search pages share: the present, notes on completeness, empty states.
import { useEffect, useState } from 'preact/hooks';
import { useStatus } from '../api/queries.ts';
import { gapIn, type Envelope } from '../api/types.ts';
import { age, bytes, count, duration } from '../core/format.ts';
import { describe, parseRange, presetHolding, printRange, type TimeRange } from '../core/time-range.ts';
import { terms } from '../core/query-text.ts';
import { useUrl } from '../url.ts';
import { Notice } from './notice.tsx';

/** The present, moving once a second, for ages. */
export function useNow(everyMillis = 5000): number {
  const [now, setNow] = useState(() => Date.now());
  useEffect(() => {
    const timer = setInterval(() => setNow(Date.now()), everyMillis);
    return () => clearInterval(timer);
  }, [everyMillis]);
  return now;
}

/** Stands above a list, because a list that is cut must say so before it is read. */
export function IncompleteNote({ answers }: { answers: readonly Envelope[] }) {
  const reason = gapIn(answers);
  return (
    reason !== null && (
      <p class="result-note warn" role="status">
        This list is not complete: {reason}. What is missing may rank before what is shown; narrow the time range or the query.
      </p>
    )
  );
}

export function ResultNote({ shown, noun, answer }: { shown: number; noun: string; answer: Envelope & { next_cursor: string | null } }) {
  return (
    <p class="result-note">
      <span role="status">
        {count(shown)}
        {answer.next_cursor === null ? '' : ' or more'} {noun}
      </span>
      <span>
        {count(answer.scanned.rows)} rows read
        {answer.scanned.body_bytes === 0 ? '' : `, ${bytes(answer.scanned.body_bytes)} of log bodies looked through one by one,`} in {duration(answer.elapsed_micros * 1000)}
      </span>
    </p>
  );
}

/** Nothing found: says why that may be and offers the way out. */
export function NothingFound({ noun, signal }: { noun: string; signal: 'traces' | 'logs' }) {
  const url = useUrl();
  const status = useStatus(false).data;
  const range: TimeRange = parseRange(url.query.t);
  const q = url.query.q ?? '';
  const list = terms(q);
  const newest = signal === 'traces' ? status?.newest_span_unix_nano : status?.newest_log_unix_nano;
  const widen = newest ? presetHolding(BigInt(newest), new Date()) : 'all';
  const wider =
    range.kind === 'last' && range.preset === 'all' ? null : (
      <button type="button" class="button" onClick={() => url.set({ t: printRange({ kind: 'last', preset: q === '' ? widen : 'all' }) })}>
        {q === '' ? `Show ${widen === 'all' ? 'all time' : `the last ${widen}`}` : 'Search all time'}
      </button>
    );
  if (list.length === 0) {
    return (
      <Notice title={`No ${noun} in this time range`} actions={wider}>
        Nothing was received for the {describe(range)}.
        {newest ? ` The newest arrived ${age(BigInt(newest), Date.now())}.` : ''}
      </Notice>
    );
  }
  const without = (index: number) => list.filter((_, i) => i !== index).map((t) => q.slice(t.from, t.to)).join(' ');
  return (
    <Notice
      title={`No ${noun} match`}
      actions={
        <>
          {list.map((term, index) => (
            <button key={term.from} type="button" class="button" onClick={() => url.set({ q: without(index) })}>
              Without <code>{q.slice(term.from, term.to)}</code>
            </button>
          ))}
          {wider}
        </>
      }
    >
      In the {describe(range)} no {signal === 'traces' ? 'single span' : 'record'} satisfies every term of the query.
      {signal === 'traces' && list.length > 1 ? ' All terms must hold on one span, not on one trace.' : ''}
    </Notice>
  );
}
