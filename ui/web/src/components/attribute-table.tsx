import type { KeyValue } from '../api/types.ts';
import { valueText } from '../core/otlp.ts';
import { equalityTerm } from '../core/query-text.ts';
import { href } from '../url.ts';
import { CopyButton } from './copy-button.tsx';
import { Icon } from './icon.tsx';
import './attribute-table.css';

/** Longer values can be searched only by prefix in a sensible URL; they get no search link. */
const SEARCHABLE_MAX = 200;

/** Keys and values as they were sent; each can be copied and searched for. */
export function AttributeTable({ attributes, signal }: { attributes: KeyValue[]; signal: 'traces' | 'logs' }) {
  if (attributes.length === 0) return null;
  return (
    <dl class="attributes">
      {attributes.map(({ key, value }, index) => {
        const text = valueText(value);
        return (
          <div key={`${index} ${key}`} class="attribute">
            <dt>{key}</dt>
            <dd>
              <span class={text.includes('\n') ? 'value block' : 'value'}>
                {text === '' ? <span class="muted">empty</span> : text}
              </span>
              <span class="attribute-tools">
                {text.length <= SEARCHABLE_MAX && !text.includes('\n') && (
                  <a
                    class="button quiet tiny"
                    href={href(`/${signal}`, { q: equalityTerm(key, text) })}
                    title={`Search ${signal} with this value`}
                    aria-label={`Search ${signal} with ${key} ${text}`}
                  >
                    <Icon name="search" size={14} />
                  </a>
                )}
                <CopyButton text={text} label={`Copy the value of ${key}`} />
              </span>
            </dd>
          </div>
        );
      })}
    </dl>
  );
}
