// The list under the query box: a combobox with a listbox, after the ARIA authoring practices.
import type { RefObject } from 'preact';
import { useState } from 'preact/hooks';
import { useOperations, useServices } from '../api/queries.ts';
import { valueOf } from '../core/query-text.ts';
import { suggest, type Known, type Offer } from '../core/suggest.ts';

interface Wanted {
  text: string;
  input: RefObject<HTMLInputElement | null>;
  signal: 'traces' | 'logs';
  change: (text: string) => void;
}

export type Suggestions = ReturnType<typeof useSuggestions>;

export function useSuggestions({ text, input, signal, change }: Wanted) {
  const [caret, setCaret] = useState<number | null>(null);
  const [chosen, setChosen] = useState(-1);
  const services = useServices().data?.services ?? [];
  const operations = useOperations(valueOf(text, ['service'])).data?.operations ?? [];
  const known: Known = {
    signal,
    services: services.map((s) => ({ name: s.name, count: signal === 'logs' ? s.log_count : s.span_count })),
    operations: operations.map((o) => ({ name: o.name, count: o.span_count })),
  };
  const offer: Offer | null = caret === null ? null : suggest(text, Math.min(caret, text.length), known);
  const open = offer !== null;

  const close = () => {
    setCaret(null);
    setChosen(-1);
  };
  const refresh = (event: Event) => {
    if (event instanceof KeyboardEvent && /^(Arrow(Up|Down)|Enter|Escape|Tab)$/.test(event.key)) return;
    const at = input.current?.selectionStart ?? null;
    if (at !== caret) setChosen(-1);
    setCaret(at);
  };
  const choose = (index: number) => {
    if (!offer) return;
    const choice = offer.list[index];
    const end = choice.more ? '' : ' ';
    const next = text.slice(0, offer.from) + choice.text + end + text.slice(offer.to).trimStart();
    const at = offer.from + choice.text.length + end.length;
    change(next);
    setChosen(-1);
    setCaret(at);
    requestAnimationFrame(() => {
      input.current?.focus();
      input.current?.setSelectionRange(at, at);
    });
  };
  /** True when the key was for the list. */
  const key = (event: KeyboardEvent): boolean => {
    if (!open || !offer) return false;
    const step = event.key === 'ArrowDown' ? 1 : event.key === 'ArrowUp' ? -1 : 0;
    if (step !== 0) {
      const count = offer.list.length;
      setChosen((chosen + step + count + (chosen < 0 && step < 0 ? 1 : 0)) % count);
    } else if ((event.key === 'Enter' || event.key === 'Tab') && chosen >= 0) choose(chosen);
    else if (event.key === 'Escape') close();
    else return false;
    event.preventDefault();
    return true;
  };
  const aria = {
    role: 'combobox' as const,
    'aria-expanded': open,
    'aria-controls': 'suggestions',
    'aria-autocomplete': 'list' as const,
    'aria-activedescendant': open && chosen >= 0 ? `suggestion-${chosen}` : undefined,
  };
  return { offer, chosen, choose, close, refresh, key, aria };
}

export function SuggestionList({ state }: { state: Suggestions }) {
  return (
    <div id="suggestions" class="suggestions" role="listbox" aria-label="Suggestions" hidden={state.offer === null}>
      {state.offer?.list.map((suggestion, index) => (
        <div
          key={suggestion.text}
          id={`suggestion-${index}`}
          class="suggestion"
          role="option"
          aria-selected={index === state.chosen}
          onPointerDown={(event) => {
            event.preventDefault();
            state.choose(index);
          }}
        >
          <span class="cut">{suggestion.text}</span>
          <span class="suggestion-about">{suggestion.about}</span>
        </div>
      ))}
    </div>
  );
}
