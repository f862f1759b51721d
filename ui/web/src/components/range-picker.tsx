// The time range of a search: presets in a row, an absolute range in a small form.
import { useEffect, useRef, useState } from 'preact/hooks';
import { describe, localInput, parseRange, PRESETS, PRESET_WORDS, printRange } from '../core/time-range.ts';
import { useUrl } from '../url.ts';
import './range-picker.css';

export function RangePicker() {
  const url = useUrl();
  const range = parseRange(url.query.t);
  const [open, setOpen] = useState(false);
  const absolute = range.kind === 'between';
  return (
    <div class="range" role="group" aria-label="Time range">
      {PRESETS.map((preset) => (
        <button
          key={preset}
          type="button"
          class="range-preset"
          aria-pressed={range.kind === 'last' && range.preset === preset}
          title={PRESET_WORDS[preset]}
          onClick={() => url.set({ t: printRange({ kind: 'last', preset }) })}
        >
          {preset}
        </button>
      ))}
      <button
        type="button"
        class="range-preset cut"
        aria-pressed={absolute}
        aria-expanded={open}
        onClick={() => setOpen(!open)}
      >
        {absolute ? describe(range) : 'custom'}
      </button>
      {open && <AbsoluteForm close={() => setOpen(false)} />}
    </div>
  );
}

function AbsoluteForm({ close }: { close: () => void }) {
  const url = useUrl();
  const range = parseRange(url.query.t);
  const now = new Date();
  const [from, setFrom] = useState(localInput(range.kind === 'between' ? range.from : new Date(now.getTime() - 3_600_000)));
  const [to, setTo] = useState(localInput(range.kind === 'between' ? range.to : now));
  const form = useRef<HTMLFormElement>(null);
  useEffect(() => {
    form.current?.querySelector('input')?.focus();
    const onPointer = (event: PointerEvent) => {
      if (!form.current?.contains(event.target as Node)) close();
    };
    document.addEventListener('pointerdown', onPointer);
    return () => document.removeEventListener('pointerdown', onPointer);
  }, []);
  const [start, end] = [new Date(from), new Date(to)];
  const valid = start.getTime() < end.getTime();
  return (
    <form
      ref={form}
      class="range-form"
      onSubmit={(event) => {
        event.preventDefault();
        if (!valid) return;
        url.set({ t: printRange({ kind: 'between', from: start, to: end }) });
        close();
      }}
      onKeyDown={(event) => event.key === 'Escape' && close()}
    >
      <label>
        From
        <input class="field" type="datetime-local" step="1" value={from} onInput={(e) => setFrom(e.currentTarget.value)} />
      </label>
      <label>
        To
        <input class="field" type="datetime-local" step="1" value={to} onInput={(e) => setTo(e.currentTarget.value)} />
      </label>
      {!valid && <p class="range-wrong">From must be before To.</p>}
      <button type="submit" class="button" disabled={!valid}>
        Apply
      </button>
    </form>
  );
}
