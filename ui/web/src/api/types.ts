// Short names for the shapes of the native API. The schema is generated from the committed OpenAPI document.
import type { components } from './schema.d.ts';

type Schemas = components['schemas'];

export type Envelope = Schemas['Envelope'];
/** What the first incomplete one of some answers says about it; null when all are complete. */
export function gapIn(answers: readonly Envelope[] | undefined): string | null {
  const incomplete = answers?.find((answer) => !answer.complete);
  return incomplete ? (incomplete.incomplete_reason ?? 'the server gave no reason') : null;
}

export type SkeletonAnswer = Schemas['Skeleton'];
/** What the trace model is built from: the answer without its envelope. */
export type Skeleton = Omit<SkeletonAnswer, keyof Envelope>;
export type TraceHit = Schemas['TraceSummary'];
export type LogRecord = Schemas['Log'];
export type StatusAnswer = Schemas['Status'];
export type IngestSender = Schemas['IngestSender'];
export type IngestProblem = Schemas['IngestProblem'];
export type ErrorBody = Schemas['Error'];

export type AnyValue = Schemas['AnyValue'];
export type KeyValue = Schemas['KeyValue'];
export type ResourceSpans = Schemas['ResourceSpans'];
export type Resource = Schemas['Resource'];
export type Scope = Schemas['InstrumentationScope'];
export type OtlpSpan = Schemas['Span'];
export type OtlpEvent = Schemas['SpanEvent'];
export type OtlpLink = Schemas['SpanLink'];
