// Service and operation pickers: they edit the query's text, so that the query stays the one truth.
import { useOperations, useServices } from '../api/queries.ts';
import { shortCount } from '../core/format.ts';
import { valueOf, withTerm } from '../core/query-text.ts';
import { useUrl } from '../url.ts';

const NAME_KEYS = ['name', 'operation'];

export function ServicePicker({ counts }: { counts: 'span_count' | 'log_count' }) {
  const url = useUrl();
  const q = url.query.q ?? '';
  const chosen = valueOf(q, ['service']) ?? '';
  const services = (useServices().data?.services ?? []).filter((s) => s[counts] > 0);
  const listed = services.some((s) => s.name === chosen);
  const choose = (name: string) => {
    const without = withTerm(q, NAME_KEYS, null);
    url.set({ q: withTerm(without, ['service'], name === '' ? null : name) });
  };
  return (
    <select class="field" aria-label="Service" value={chosen} onChange={(e) => choose(e.currentTarget.value)}>
      <option value="">All services</option>
      {chosen !== '' && !listed && <option value={chosen}>{chosen}</option>}
      {services.map((s) => (
        <option key={s.name} value={s.name}>
          {s.name} ({shortCount(s[counts])})
        </option>
      ))}
    </select>
  );
}

export function OperationPicker() {
  const url = useUrl();
  const q = url.query.q ?? '';
  const service = valueOf(q, ['service']);
  const chosen = valueOf(q, NAME_KEYS) ?? '';
  const all = useOperations(service).data?.operations ?? [];
  const counts = new Map<string, number>();
  for (const o of all) counts.set(o.name, (counts.get(o.name) ?? 0) + o.span_count);
  return (
    <select
      class="field"
      aria-label="Operation"
      value={chosen}
      disabled={service === null && chosen === ''}
      title={service === null ? 'Choose a service first' : undefined}
      onChange={(e) => url.set({ q: withTerm(q, NAME_KEYS, e.currentTarget.value === '' ? null : e.currentTarget.value) })}
    >
      <option value="">All operations</option>
      {chosen !== '' && !counts.has(chosen) && <option value={chosen}>{chosen}</option>}
      {[...counts].map(([name, count]) => (
        <option key={name} value={name}>
          {name} ({shortCount(count)})
        </option>
      ))}
    </select>
  );
}
