// Keys and the query language, on one sheet.
import { signal } from '@preact/signals';
import { useEffect, useRef } from 'preact/hooks';
import { Icon } from './icon.tsx';
import './help-sheet.css';

export const helpOpen = signal(false);

const KEYS: readonly [string, readonly [string, string][]][] = [
  [
    'Everywhere',
    [
      ['/', 'to the query box (on a trace: search inside it)'],
      ['Ctrl K', 'to the query box'],
      ['?', 'this sheet'],
      ['Esc', 'close the topmost thing'],
    ],
  ],
  [
    'Trace',
    [
      ['↑ ↓', 'previous, next row'],
      ['← →', 'fold or go to the parent, unfold or go to the first child'],
      ['Enter', 'show the span'],
      ['[ ]', 'fold, unfold one level everywhere'],
      ['n N', 'next, previous match'],
      ['e E', 'next, previous error'],
      ['c C', 'next, previous span on the critical path'],
      ['z 0', 'zoom to the span, show all'],
      ['w s a d', 'zoom in, out, move left, right'],
      ['l', 'logs of the whole trace'],
      ['y', 'copy the span id'],
    ],
  ],
];

const QUERY: readonly [string, string][] = [
  ['service:order status:error', 'both must hold, on one span'],
  ['name:"POST /api/orders"', 'quotes hold words together'],
  ['duration>500ms duration<=2s', 'traces only'],
  ['severity>=warn', 'logs only'],
  ['http.route:/pay/*', 'any attribute; * at the end matches a prefix'],
  ['shop.order.id:*', 'the attribute exists'],
  ['-kind:internal', 'not'],
  ['timeout "card declined"', 'in span names, or words in log bodies'],
  ['declin* "eclin"', 'log bodies: a word that begins so, any part of a word'],
  ['case:Declined', 'log bodies: letter case counts'],
  ['body~"after \\d+ ms"', 'log bodies: a regular expression'],
];

export function HelpSheet() {
  const dialog = useRef<HTMLDialogElement>(null);
  const open = helpOpen.value;
  useEffect(() => {
    if (open) dialog.current?.showModal();
    else dialog.current?.close();
  }, [open]);
  useEffect(() => {
    const onKey = (event: KeyboardEvent) => {
      if (event.key !== '?' || (event.target as Element).closest('input, textarea, select')) return;
      helpOpen.value = !helpOpen.value;
    };
    document.addEventListener('keydown', onKey);
    return () => document.removeEventListener('keydown', onKey);
  }, []);

  return (
    <dialog
      ref={dialog}
      class="help"
      aria-labelledby="help-title"
      onClose={() => (helpOpen.value = false)}
      onClick={(event) => event.target === dialog.current && dialog.current?.close()}
    >
      {open && (
        <div class="help-sheet">
          <header class="help-head">
            <h2 id="help-title">Keys and queries</h2>
            <button type="button" class="button quiet" aria-label="Close" onClick={() => dialog.current?.close()}>
              <Icon name="x" />
            </button>
          </header>
          <div class="help-columns">
            <div>
              {KEYS.map(([title, keys]) => (
                <section key={title}>
                  <h3>{title}</h3>
                  <dl class="help-list">
                    {keys.map(([key, words]) => (
                      <div key={key}>
                        <dt>
                          {key.split(' ').map((k) => (
                            <kbd key={k}>{k}</kbd>
                          ))}
                        </dt>
                        <dd>{words}</dd>
                      </div>
                    ))}
                  </dl>
                </section>
              ))}
            </div>
            <section>
              <h3>Queries</h3>
              <dl class="help-queries">
                {QUERY.map(([query, words]) => (
                  <div key={query}>
                    <dt>
                      <code>{query}</code>
                    </dt>
                    <dd>{words}</dd>
                  </div>
                ))}
              </dl>
            </section>
          </div>
        </div>
      )}
    </dialog>
  );
}
