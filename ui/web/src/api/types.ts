// The shapes of the native API (/api/v1). OTLP structures keep OTLP's camelCase names.

export interface Envelope {
  complete: boolean;
  incomplete_reason: string | null;
  scanned: { splits: number; hot_batches: number; rows: number };
  elapsed_micros: number;
}

export interface SkeletonSpans {
  id: string[];
  /** Index of the parent span; -1 = root; -2-k = parent not received, see missing_parents[k]. */
  parent: number[];
  start_nano: number[];
  duration_nano: number[];
  service: number[];
  name: number[];
  kind: number[];
  /** Bits: 1 = status error, 2 = status ok, 4 = remote parent. */
  flags: number[];
  event_count: number[];
  link_count: number[];
}

export interface Skeleton {
  trace_id: string;
  start_unix_nano: string;
  duration_nano: number;
  span_count: number;
  error_count: number;
  services: string[];
  names: string[];
  spans: SkeletonSpans;
  missing_parents: { span_id: string; child_count: number }[];
}

export type SkeletonAnswer = Skeleton & Envelope;

export interface TraceHit {
  trace_id: string;
  root: { span_id: string; service: string; name: string } | null;
  start_unix_nano: string;
  duration_nano: number;
  span_count: number;
  error_count: number;
  services: { name: string; span_count: number; error_count: number }[];
  matched: {
    span_count: number;
    span_id: string;
    service: string;
    name: string;
    start_unix_nano: string;
    duration_nano: number;
  };
}

export type TracesAnswer = { traces: TraceHit[]; next_cursor: string | null } & Envelope;

/** OTLP AnyValue in OTLP JSON; exactly one field is set, none = an empty value. */
export interface AnyValue {
  stringValue?: string;
  boolValue?: boolean;
  intValue?: string | number;
  doubleValue?: number | string;
  arrayValue?: { values?: AnyValue[] };
  kvlistValue?: { values?: KeyValue[] };
  bytesValue?: string;
}

export interface KeyValue {
  key: string;
  value?: AnyValue;
}

export interface Resource {
  attributes?: KeyValue[];
  droppedAttributesCount?: number;
}

export interface Scope {
  name?: string;
  version?: string;
  attributes?: KeyValue[];
}

export interface OtlpEvent {
  timeUnixNano: string;
  name?: string;
  attributes?: KeyValue[];
  droppedAttributesCount?: number;
}

export interface OtlpLink {
  traceId: string;
  spanId: string;
  traceState?: string;
  attributes?: KeyValue[];
}

export interface OtlpSpan {
  traceId: string;
  spanId: string;
  parentSpanId?: string;
  traceState?: string;
  flags?: number;
  name?: string;
  kind?: number;
  startTimeUnixNano: string;
  endTimeUnixNano: string;
  attributes?: KeyValue[];
  droppedAttributesCount?: number;
  events?: OtlpEvent[];
  droppedEventsCount?: number;
  links?: OtlpLink[];
  droppedLinksCount?: number;
  status?: { code?: number; message?: string };
}

export interface ResourceSpans {
  resource?: Resource;
  scopeSpans?: { scope?: Scope; spans?: OtlpSpan[]; schemaUrl?: string }[];
  schemaUrl?: string;
}

export type SpansAnswer = { resourceSpans: ResourceSpans[] } & Envelope;

export interface LogRecord {
  id: string;
  time_unix_nano: string;
  observed_time_unix_nano: string;
  severity_number: number;
  severity_text: string;
  service: string;
  body: string;
  body_value: AnyValue | null;
  event_name: string;
  trace_id: string | null;
  span_id: string | null;
  flags: number;
  attributes: KeyValue[];
  dropped_attributes_count: number;
  resource: Resource;
  scope: Scope;
}

export type LogsAnswer = { logs: LogRecord[]; next_cursor: string | null } & Envelope;

export type ServicesAnswer = {
  services: { name: string; span_count: number; log_count: number }[];
} & Envelope;

export type OperationsAnswer = {
  operations: { name: string; kind: string; span_count: number }[];
} & Envelope;

export interface StatusAnswer {
  version: string;
  endpoints: { otlp_grpc: string; otlp_http: string; http: string };
  stored: {
    spans: number;
    log_records: number;
    splits: number;
    bytes: number;
    wal_bytes: number;
    hot_spans: number;
    hot_log_records: number;
  };
  newest_span_unix_nano: string | null;
  newest_log_unix_nano: string | null;
  data_dir: string;
  retention_age_secs: number | null;
  uptime_secs: number;
}

export interface ErrorBody {
  error: { code: string; message: string; parameter: string | null };
}
