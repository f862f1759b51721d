// OTLP JSON values as text, attributes in groups, span details out of resourceSpans.
import type { AnyValue, KeyValue, OtlpSpan, Resource, ResourceSpans, Scope } from '../api/types.ts';

export interface SpanDetail {
  readonly span: OtlpSpan;
  readonly resource: Resource;
  readonly scope: Scope;
}

/** Every span of an answer with the resource and scope it came under. */
export function spanDetails(resourceSpans: ResourceSpans[]): SpanDetail[] {
  return resourceSpans.flatMap((rs) =>
    (rs.scopeSpans ?? []).flatMap((ss) =>
      (ss.spans ?? []).map((span) => ({ span, resource: rs.resource ?? {}, scope: ss.scope ?? {} })),
    ),
  );
}

/** A time of OTLP JSON, where a field that has its default may be left out. */
export function nanos(text: string | undefined): bigint {
  return BigInt(text ?? 0);
}

/** A value as one text: strings as they are, arrays and maps as JSON. */
export function valueText(value: AnyValue | undefined | null): string {
  if (!value) return '';
  if (value.stringValue !== undefined) return value.stringValue;
  if (value.boolValue !== undefined) return String(value.boolValue);
  if (value.intValue !== undefined) return String(value.intValue);
  if (value.doubleValue !== undefined) return String(value.doubleValue);
  if (value.bytesValue !== undefined) return `base64:${value.bytesValue}`;
  if (value.arrayValue || value.kvlistValue) return json(value);
  return '';
}

/** JSON with 64-bit integers kept digit for digit, which JSON.stringify of a number could not promise. */
function json(value: AnyValue | undefined): string {
  if (!value) return 'null';
  if (value.intValue !== undefined) return String(value.intValue);
  if (value.doubleValue !== undefined) return String(value.doubleValue);
  if (value.boolValue !== undefined) return String(value.boolValue);
  if (value.stringValue !== undefined) return JSON.stringify(value.stringValue);
  if (value.bytesValue !== undefined) return JSON.stringify(`base64:${value.bytesValue}`);
  if (value.arrayValue) return `[${(value.arrayValue.values ?? []).map(json).join(', ')}]`;
  if (value.kvlistValue) {
    const fields = (value.kvlistValue.values ?? []).map((kv) => `${JSON.stringify(kv.key)}: ${json(kv.value)}`);
    return `{${fields.join(', ')}}`;
  }
  return 'null';
}

export function attribute(attributes: KeyValue[] | undefined, key: string): string | null {
  const found = attributes?.find((a) => a.key === key);
  return found ? valueText(found.value) : null;
}

export interface AttributeGroup {
  readonly name: string;
  readonly attributes: KeyValue[];
}

/** Semantic-convention namespaces that are read together, by the first part of the key. */
const GROUPS: Record<string, string> = {
  http: 'HTTP',
  url: 'HTTP',
  user_agent: 'HTTP',
  client: 'Network',
  server: 'Network',
  network: 'Network',
  net: 'Network',
  rpc: 'RPC',
  grpc: 'RPC',
  db: 'Database',
  messaging: 'Messaging',
  exception: 'Exception',
  error: 'Error',
  code: 'Code',
  thread: 'Code',
  gen_ai: 'Generative AI',
  faas: 'Function',
  enduser: 'User',
  user: 'User',
  session: 'User',
};

/** Groups by namespace: the application's own first, the known ones after it; sorted by key inside. */
export function groupAttributes(attributes: KeyValue[]): AttributeGroup[] {
  const groups = new Map<string, KeyValue[]>();
  for (const attribute of attributes) {
    const name = GROUPS[attribute.key.split('.')[0]] ?? 'Application';
    const list = groups.get(name);
    if (list) list.push(attribute);
    else groups.set(name, [attribute]);
  }
  return [...groups]
    .map(([name, list]) => ({ name, attributes: list.sort((a, b) => (a.key < b.key ? -1 : 1)) }))
    .sort((a, b) => rank(a.name) - rank(b.name) || (a.name < b.name ? -1 : 1));
}

function rank(name: string): number {
  if (name === 'Exception' || name === 'Error') return 0;
  return name === 'Application' ? 1 : 2;
}
