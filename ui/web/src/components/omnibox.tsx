// The one box: the query of the page it is on, or a trace id to open. An input lies over a coloured copy of its text.
import { useEffect, useRef, useState } from 'preact/hooks';
import { pastedTrace, terms } from '../core/query-text.ts';
import { href, useUrl } from '../url.ts';
import { Icon } from './icon.tsx';
import { SuggestionList, useSuggestions } from './suggestions.tsx';
import './omnibox.css';

export function Omnibox() {
  const url = useUrl();
  const searches = url.path === '/traces' || url.path === '/logs';
  const committed = searches ? (url.query.q ?? '') : '';
  const [draft, setDraft] = useState(committed);
  const input = useRef<HTMLInputElement>(null);
  const mirror = useRef<HTMLDivElement>(null);
  useEffect(() => setDraft(committed), [committed, url.path]);
  useEffect(() => focusOnSlash(input), []);

  const open = (text: string): boolean => {
    const pasted = pastedTrace(text);
    if (!pasted) return false;
    setDraft('');
    url.go(href(`/trace/${pasted.traceId}`, { span: pasted.spanId }));
    input.current?.blur();
    return true;
  };
  const commit = (text: string) => {
    if (open(text)) return;
    if (searches) url.set({ q: text.trim() });
    else url.go(href('/traces', { q: text.trim() }));
  };
  const change = (text: string) => {
    setDraft(text);
    requestAnimationFrame(follow);
  };
  const follow = () => {
    if (mirror.current && input.current) mirror.current.scrollLeft = input.current.scrollLeft;
  };
  const suggest = useSuggestions({ text: draft, input, signal: url.path === '/logs' ? 'logs' : 'traces', change });
  const label = url.path === '/logs' ? 'Search logs' : 'Search traces';

  return (
    <form
      class="omnibox"
      role="search"
      onSubmit={(event) => {
        event.preventDefault();
        suggest.close();
        commit(draft);
      }}
    >
      <Icon name="search" />
      <div class="omnibox-text">
        <div ref={mirror} class="omnibox-mirror" aria-hidden="true">
          <Coloured text={draft} />
        </div>
        <input
          ref={input}
          class="omnibox-input"
          type="text"
          name="q"
          value={draft}
          aria-label={`${label}, or paste a trace id`}
          placeholder={placeholder(url.path)}
          autocomplete="off"
          autocapitalize="off"
          spellcheck={false}
          {...suggest.aria}
          onInput={(event) => change(event.currentTarget.value)}
          onScroll={follow}
          onPaste={(event) => {
            if (open(event.clipboardData?.getData('text') ?? '')) event.preventDefault();
          }}
          onKeyDown={(event) => {
            if (suggest.key(event)) return;
            if (event.key === 'Escape') input.current?.blur();
          }}
          onKeyUp={suggest.refresh}
          onClick={suggest.refresh}
          onFocus={suggest.refresh}
          onBlur={suggest.close}
        />
      </div>
      {draft !== '' && (
        <button
          type="button"
          class="button quiet tiny"
          aria-label="Clear the query"
          title="Clear"
          onClick={() => {
            setDraft('');
            if (searches) url.set({ q: null });
            input.current?.focus();
          }}
        >
          <Icon name="x" />
        </button>
      )}
      <SuggestionList state={suggest} />
    </form>
  );
}

function placeholder(path: string): string {
  if (path === '/logs') return 'severity>=warn service:cart "card declined"';
  if (path === '/traces') return 'service:order status:error duration>500ms, or paste a trace id';
  return 'Search traces, or paste a trace id';
}

/** `/` goes to the box from anywhere that is not an input; the trace page keeps it for its own search. */
function focusOnSlash(input: { current: HTMLInputElement | null }): () => void {
  const onKey = (event: KeyboardEvent) => {
    const wanted = event.key === '/' || (event.key === 'k' && (event.metaKey || event.ctrlKey));
    if (!wanted || event.defaultPrevented) return;
    if (event.key === '/' && (event.target as Element).closest('input, textarea, select')) return;
    event.preventDefault();
    input.current?.focus();
    input.current?.select();
  };
  document.addEventListener('keydown', onKey);
  return () => document.removeEventListener('keydown', onKey);
}

function Coloured({ text }: { text: string }) {
  const parts = [];
  let at = 0;
  for (const term of terms(text)) {
    parts.push(text.slice(at, term.from));
    if (term.key === null) parts.push(text.slice(term.from, term.to));
    else {
      parts.push(<b class={term.negated ? 'term-key not' : 'term-key'}>{text.slice(term.from, term.keyTo)}</b>);
      parts.push(<span class="term-operator">{term.operator}</span>);
      parts.push(text.slice(term.keyTo + (term.operator?.length ?? 0), term.to));
    }
    at = term.to;
  }
  parts.push(text.slice(at));
  return <>{parts}</>;
}
