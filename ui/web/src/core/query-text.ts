// The query language as text: finding terms, putting and dropping one, recognising pasted ids. The server is the
// judge of what a query means; this only reads enough to edit and colour it.

export interface Term {
  readonly from: number;
  readonly to: number;
  readonly negated: boolean;
  /** Without quotes; null for bare words. */
  readonly key: string | null;
  /** `:`, `>`, `>=`, `<`, `<=`, `~`; null for bare words. */
  readonly operator: string | null;
  /** Without quotes. */
  readonly value: string;
  /** End of the key in the text, for colouring. */
  readonly keyTo: number;
}

const OPERATOR = /^(:|>=|<=|>|<|~)/;

export function terms(text: string): Term[] {
  const result: Term[] = [];
  let at = 0;
  while (at < text.length) {
    if (/\s/.test(text[at])) {
      at++;
      continue;
    }
    const from = at;
    const negated = text[at] === '-' && at + 1 < text.length && !/\s/.test(text[at + 1]);
    if (negated) at++;
    const head = word(text, at, true);
    const operator = OPERATOR.exec(text.slice(head.to))?.[1] ?? null;
    if (operator === null || head.value === '') {
      const whole = word(text, at, false);
      at = Math.max(whole.to, at + 1);
      result.push({ from, to: at, negated, key: null, operator: null, value: whole.value, keyTo: from });
      continue;
    }
    const tail = word(text, head.to + operator.length, false, operator === '~');
    at = tail.to;
    result.push({ from, to: at, negated, key: head.value, operator, value: tail.value, keyTo: head.to });
  }
  return result;
}

/** A pattern keeps its backslashes: they mean something to it. */
function word(text: string, from: number, isKey: boolean, isPattern = false): { to: number; value: string } {
  let to = from;
  let value = '';
  if (text[to] === '"') {
    for (to++; to < text.length && text[to] !== '"'; to++) {
      if (text[to] === '\\' && to + 1 < text.length) {
        if (isPattern) value += text[to];
        to++;
      }
      value += text[to];
    }
    return { to: Math.min(to + 1, text.length), value };
  }
  while (to < text.length && !/\s/.test(text[to]) && !(isKey && OPERATOR.test(text[to]))) value += text[to++];
  return { to, value };
}

export function quote(value: string): string {
  if (value !== '' && /^[^\s"\\:<>*-][^\s"\\]*$/.test(value) && !value.endsWith('*')) return value;
  return `"${value.replace(/(["\\])/g, '\\$1')}"`;
}

/** The value of the one positive `key:value` term, if there is exactly one. */
export function valueOf(text: string, keys: string[]): string | null {
  const found = terms(text).filter((t) => isTerm(t, keys));
  return found.length === 1 ? found[0].value : null;
}

function isTerm(term: Term, keys: string[]): boolean {
  return !term.negated && term.operator === ':' && term.key !== null && keys.includes(term.key);
}

/** Replaces every positive `key:…` term by one, or drops them when the value is null. */
export function withTerm(text: string, keys: string[], value: string | null): string {
  const replacement = value === null ? null : `${keys[0]}:${quote(value)}`;
  const all = terms(text);
  const at = all.findIndex((t) => isTerm(t, keys));
  const parts = all.flatMap((t, i) => {
    if (!isTerm(t, keys)) return [text.slice(t.from, t.to)];
    return i === at && replacement !== null ? [replacement] : [];
  });
  if (at < 0 && replacement !== null) parts.push(replacement);
  return parts.join(' ');
}

/** Adds a term unless the very same one is there. */
export function addTerm(text: string, term: string): string {
  const all = terms(text).map((t) => text.slice(t.from, t.to));
  return all.includes(term) ? text.trim() : [...all, term].join(' ');
}

export function equalityTerm(key: string, value: string, negated = false): string {
  const printed = /^[^\s"\\:<>~-][^\s"\\:<>~]*$/.test(key) ? key : `"${key.replace(/(["\\])/g, '\\$1')}"`;
  return `${negated ? '-' : ''}${printed}:${quote(value)}`;
}

export interface PastedTrace {
  readonly traceId: string;
  readonly spanId: string | null;
}

/** A trace id, a `traceparent`, or either of them anywhere in a pasted text that holds exactly one. */
export function pastedTrace(text: string): PastedTrace | null {
  const traceparent = /\b[0-9a-f]{2}-([0-9a-f]{32})-([0-9a-f]{16})-[0-9a-f]{2}\b/i.exec(text);
  if (traceparent) return found(traceparent[1], traceparent[2]);
  // A trace id inside a query term is a condition, not a wish to leave the page.
  if (/trace_id\s*:/i.test(text)) return null;
  const ids = [...text.matchAll(/(?<![0-9a-z])([0-9a-f]{32})(?![0-9a-z])/gi)].map((m) => m[1].toLowerCase());
  return new Set(ids).size === 1 ? found(ids[0], null) : null;
}

function found(traceId: string, spanId: string | null): PastedTrace | null {
  if (/^0+$/.test(traceId)) return null;
  return { traceId: traceId.toLowerCase(), spanId: spanId?.toLowerCase() ?? null };
}
