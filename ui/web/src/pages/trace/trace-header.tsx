// What the trace is at a glance, where its time went, and the search inside it.
import { useEffect, useMemo, useRef } from 'preact/hooks';
import { CopyButton } from '../../components/copy-button.tsx';
import { Icon } from '../../components/icon.tsx';
import { useNow } from '../../components/search-state.tsx';
import { ServiceChip } from '../../components/service.tsx';
import { pathShares } from '../../core/critical-path.ts';
import { stepLevel, UNFOLDED } from '../../core/fold.ts';
import { age, count, dateTime, duration, percent, plural, rfc3339 } from '../../core/format.ts';
import { ODD_CYCLE, ODD_DUPLICATE, ODD_MISSING } from '../../core/trace-model.ts';
import { lowerBound, nextMatch } from '../../core/trace-search.ts';
import { full, isFull } from '../../core/viewport.ts';
import { rowName, rowService, useTrace, type TraceState } from './trace-state.ts';

export function TraceHeader() {
  const state = useTrace();
  const { model, answer } = state;
  const root = model.rowCount > 0 ? 0 : -1;
  const name = root < 0 ? 'Empty trace' : rowName(model, root);
  const service = root < 0 ? '' : rowService(model, root);
  useEffect(() => {
    document.title = `${name} · trace · Spandrel`;
  }, [name]);
  return (
    <header class="trace-header">
      <div class="trace-title">
        <ServiceChip mark={state.marks.get(service)} />
        <h1>
          <span class="muted">{service}</span>
          <span class="cut">{name}</span>
        </h1>
        <span class="trace-id">
          <code>{model.traceId}</code>
          <CopyButton text={model.traceId} label="Copy the trace id" />
        </span>
      </div>
      <Facts state={state} />
      <Notes state={state} />
      {!answer.complete && (
        <p class="trace-notes" role="status">
          This trace is not complete: {answer.incomplete_reason ?? 'the server gave no reason'}. Spans may be missing below.
        </p>
      )}
      <div class="trace-tools">
        <PathLine state={state} />
        <Tools state={state} />
        <Find state={state} />
      </div>
    </header>
  );
}

function Facts({ state }: { state: TraceState }) {
  const { model } = state;
  const now = useNow();
  const errors = useMemo(() => nextError(state, -1, 1), [model]);
  return (
    <dl class="facts">
      <Fact name="Duration">{duration(model.durationNano)}</Fact>
      <Fact name="Spans">{count(model.spanCount)}</Fact>
      <Fact name="Services">{count(model.services.length)}</Fact>
      <Fact name="Depth">{count(model.maxDepth + 1)}</Fact>
      <Fact name="Errors">
        {model.errorCount === 0 || errors < 0 ? (
          count(model.errorCount)
        ) : (
          <button type="button" class="bad" title="To the first error (e)" onClick={() => state.goTo(errors)}>
            {count(model.errorCount)}
          </button>
        )}
      </Fact>
      <Fact name="Logs">
        <button type="button" title="Logs of the whole trace (l)" onClick={() => state.setTab('all-logs')}>
          {count(state.logs.length)}
          {state.logsMore ? '+' : ''}
        </button>
      </Fact>
      <Fact name="Started">
        <span title={rfc3339(model.startUnixNano)}>
          {dateTime(model.startUnixNano)} ({age(model.startUnixNano, now)})
        </span>
      </Fact>
    </dl>
  );
}

function Fact({ name, children }: { name: string; children: preact.ComponentChildren }) {
  return (
    <div>
      <dt>{name}</dt>
      <dd>{children}</dd>
    </div>
  );
}

/** What is odd about the trace, said once and plainly. */
function Notes({ state }: { state: TraceState }) {
  const { model } = state;
  const notes = useMemo(() => {
    const odd = [0, 0, 0, 0];
    let roots = 0;
    for (let row = 0; row < model.rowCount; row++) {
      odd[model.odd[row]]++;
      if (model.parent[row] < 0 && model.odd[row] !== ODD_MISSING) roots++;
    }
    const list: string[] = [];
    const lost = odd[ODD_MISSING];
    if (lost > 0) list.push(`${plural(lost, 'parent')} not received (late, sampled away or lost)`);
    if (odd[ODD_DUPLICATE] > 0) list.push(`${plural(odd[ODD_DUPLICATE], 'span')} with an id that was used before`);
    if (odd[ODD_CYCLE] > 0) list.push(`${plural(odd[ODD_CYCLE], 'cycle')} of parents, cut at the first span`);
    if (roots > 1) list.push(`${roots} spans without a parent`);
    return list;
  }, [model]);
  return notes.length === 0 ? null : <p class="trace-notes">{notes.join(' · ')}</p>;
}

const SHARES_MAX = 4;

function PathLine({ state }: { state: TraceState }) {
  const { model, path } = state;
  const shares = useMemo(() => pathShares(model, path), [model, path]);
  if (shares.length === 0) return null;
  const named = shares.filter((s) => s.service !== null);
  const waiting = shares.find((s) => s.service === null);
  const rest = named.slice(SHARES_MAX).reduce((sum, s) => sum + s.share, 0);
  return (
    <p class="path-line">
      <span>Critical path</span>
      {named.slice(0, SHARES_MAX).map(({ service, share }) => {
        const name = model.services[service as number];
        return (
          <span key={name} class="share">
            <ServiceChip mark={state.marks.get(name)} />
            {name} <span class="num">{percent(share)}</span>
          </span>
        );
      })}
      {rest > 0 && (
        <span class="share">
          others <span class="num">{percent(rest)}</span>
        </span>
      )}
      {waiting && waiting.share >= 0.001 && (
        <span class="share">
          waiting <span class="num">{percent(waiting.share)}</span>
        </span>
      )}
    </p>
  );
}

function Tools({ state }: { state: TraceState }) {
  const { model, fold, view } = state;
  const folded = fold.depth !== null || fold.toggled.size > 0;
  return (
    <span class="trace-buttons">
      <button type="button" class="button quiet tiny" title="Fold one level ([)" aria-label="Fold one level" onClick={() => state.setFold(stepLevel(model, fold, -1))}>
        <Icon name="chevrons-down-up" />
      </button>
      <button type="button" class="button quiet tiny" title="Unfold all" aria-label="Unfold all" disabled={!folded} onClick={() => state.setFold(UNFOLDED)}>
        <Icon name="chevrons-up-down" />
      </button>
      <button
        type="button"
        class="button quiet tiny"
        title="Show the whole time (0)"
        aria-label="Show the whole time"
        disabled={isFull(view, model.durationNano)}
        onClick={() => state.setView(full(model.durationNano))}
      >
        <Icon name="zoom-out" />
      </button>
    </span>
  );
}

export const FIND_ID = 'trace-find';

function Find({ state }: { state: TraceState }) {
  const { matches, search, active } = state;
  const input = useRef<HTMLInputElement>(null);
  const step = (by: 1 | -1) => {
    const row = nextMatch(matches, active.value, by);
    if (row >= 0) {
      state.goTo(row);
      requestAnimationFrame(() => input.current?.focus());
    }
  };
  const at = lowerBound(matches, active.value);
  const here = matches[at] === active.value ? `${count(at + 1)}/` : '';
  return (
    <form
      class="trace-find"
      role="search"
      aria-label="Inside the trace"
      onSubmit={(event) => {
        event.preventDefault();
        step(1);
      }}
    >
      <input
        ref={input}
        id={FIND_ID}
        class="field"
        type="text"
        value={search}
        placeholder="Find span or service"
        aria-label="Find a span or service in this trace"
        autocomplete="off"
        spellcheck={false}
        onInput={(event) => state.setSearch(event.currentTarget.value)}
        onKeyDown={(event) => {
          if (event.key === 'Enter' && event.shiftKey) {
            event.preventDefault();
            step(-1);
          } else if (event.key === 'Escape') {
            event.stopPropagation();
            state.setSearch('');
            state.goal.value = { row: active.value, focus: true };
          }
        }}
      />
      <span class="found num" role="status">
        {search === '' ? '' : matches.length === 0 ? 'none' : `${here}${count(matches.length)}`}
      </span>
      <button type="button" class="button quiet tiny" title="Previous match (N)" aria-label="Previous match" disabled={matches.length === 0} onClick={() => step(-1)}>
        <Icon name="arrow-up" />
      </button>
      <button type="button" class="button quiet tiny" title="Next match (n)" aria-label="Next match" disabled={matches.length === 0} onClick={() => step(1)}>
        <Icon name="arrow-down" />
      </button>
    </form>
  );
}

/** The next row with an error of its own after (or before) a row, wrapping around; -1 when there is none. */
export function nextError(state: TraceState, row: number, step: 1 | -1): number {
  const { model } = state;
  for (let k = 1; k <= model.rowCount; k++) {
    const at = (row + step * k + model.rowCount * 2) % model.rowCount;
    if (model.flags[at] & 1) return at;
  }
  return -1;
}
