// What the query box may offer for the word under the caret: keys first, then the values known for a key.
import { quote } from './query-text.ts';

export interface Known {
  readonly signal: 'traces' | 'logs';
  readonly services: readonly { name: string; count: number }[];
  readonly operations: readonly { name: string; count: number }[];
}

export interface Suggestion {
  readonly text: string;
  readonly about: string;
  /** A key leads on to its values; a value ends the term. */
  readonly more: boolean;
}

export interface Offer {
  /** The part of the text that a choice replaces. */
  readonly from: number;
  readonly to: number;
  readonly list: readonly Suggestion[];
}

const OFFER_MAX = 12;

const KEYS: readonly { text: string; about: string; on: 'both' | 'traces' | 'logs' }[] = [
  { text: 'service:', about: 'service name', on: 'both' },
  { text: 'name:', about: 'span name', on: 'traces' },
  { text: 'status:', about: 'error, ok, unset', on: 'traces' },
  { text: 'kind:', about: 'server, client, …', on: 'traces' },
  { text: 'duration>', about: 'longer than, e.g. 500ms', on: 'traces' },
  { text: 'duration<=', about: 'at most', on: 'traces' },
  { text: 'severity>=', about: 'this severe or more', on: 'logs' },
  { text: 'severity:', about: 'exactly this group', on: 'logs' },
  { text: 'trace_id:', about: 'of one trace', on: 'both' },
  { text: 'span_id:', about: 'of one span', on: 'both' },
  { text: 'http.route:', about: 'attribute, any level', on: 'both' },
  { text: 'exception.type:', about: 'attribute, any level', on: 'both' },
];

const VALUES: Record<string, readonly string[]> = {
  status: ['error', 'ok', 'unset'],
  kind: ['server', 'client', 'producer', 'consumer', 'internal'],
  severity: ['trace', 'debug', 'info', 'warn', 'error', 'fatal'],
  duration: ['10ms', '100ms', '500ms', '1s', '5s'],
};

/** Offers for a caret position; null when there is nothing to say. */
export function suggest(text: string, caret: number, known: Known): Offer | null {
  const from = wordStart(text, caret);
  const word = text.slice(from, caret);
  const negation = word.startsWith('-') ? 1 : 0;
  const bare = word.slice(negation);
  const match = /^([\w.]+)(:|>=|<=|>|<)(.*)$/.exec(bare);
  const list = match ? values(match[1], match[3], known) : keys(bare, known);
  const at = from + negation + (match ? match[1].length + match[2].length : 0);
  return list.length === 0 ? null : { from: at, to: caret, list: list.slice(0, OFFER_MAX) };
}

/** Start of the word at the caret; quotes hold words together. */
function wordStart(text: string, caret: number): number {
  let start = 0;
  let quoted = false;
  for (let at = 0; at < caret; at++) {
    if (text[at] === '"' && text[at - 1] !== '\\') quoted = !quoted;
    else if (/\s/.test(text[at]) && !quoted) start = at + 1;
  }
  return start;
}

function keys(word: string, known: Known): Suggestion[] {
  return KEYS.filter((key) => key.on === 'both' || key.on === known.signal)
    .filter((key) => key.text.startsWith(word.toLowerCase()))
    .map((key) => ({ text: key.text, about: key.about, more: true }));
}

function values(key: string, typed: string, known: Known): Suggestion[] {
  const needle = typed.replace(/^"/, '').toLowerCase();
  const fitting = (list: readonly { name: string; count: number }[], unit: string) =>
    list
      .filter((entry) => entry.name.toLowerCase().includes(needle))
      .sort((a, b) => b.count - a.count)
      .map((entry) => ({ text: quote(entry.name), about: `${entry.count} ${unit}`, more: false }));
  if (key === 'service') return fitting(known.services, known.signal === 'logs' ? 'records' : 'spans');
  if (key === 'name' || key === 'operation') return fitting(known.operations, 'spans');
  return (VALUES[key] ?? [])
    .filter((value) => value.startsWith(needle) && value !== needle)
    .map((value) => ({ text: value, about: '', more: false }));
}
