import { useEffect, useState } from 'preact/hooks';
import { Icon } from './icon.tsx';

/** Copies a text and says so for a moment. `label` names what is copied. */
export function CopyButton({ text, label, words }: { text: string; label: string; words?: string }) {
  const [state, setState] = useState<'idle' | 'done' | 'failed'>('idle');
  useEffect(() => {
    if (state === 'idle') return undefined;
    const timer = setTimeout(() => setState('idle'), 1500);
    return () => clearTimeout(timer);
  }, [state]);
  const copy = () => {
    // Only secure pages and loopback have a clipboard.
    const writing = navigator.clipboard?.writeText(text) ?? Promise.reject(new Error('no clipboard'));
    writing.then(
      () => setState('done'),
      () => setState('failed'),
    );
  };
  const says = state === 'done' ? 'Copied' : state === 'failed' ? 'The browser refused to copy' : label;
  return (
    <button type="button" class={`button tiny ${words ? '' : 'quiet'}`} title={says} aria-label={says} onClick={copy}>
      <Icon name={state === 'done' ? 'check' : 'copy'} />
      {words && <span>{state === 'done' ? 'Copied' : words}</span>}
    </button>
  );
}
