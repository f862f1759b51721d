// Calls the native API by its generated types. Every failure becomes an ApiError that says what happened.
import createClient from 'openapi-fetch';
import type { paths } from './schema.d.ts';

export class ApiError extends Error {
  /** HTTP status; 0 when no answer came. */
  readonly status: number;
  readonly code: string;
  readonly parameter: string | null;

  constructor(status: number, code: string, message: string, parameter: string | null) {
    super(message);
    this.status = status;
    this.code = code;
    this.parameter = parameter;
  }
}

// Looked up at each call, so that a test can put another fetch in its place.
export const api = createClient<paths>({ baseUrl: '/', fetch: (request) => fetch(request) });

interface Outcome<T> {
  data?: T;
  error?: unknown;
  response: Response;
}

/** The data of a call, or an ApiError. An aborted call stays the abort it is. */
export async function answer<T>(call: Promise<Outcome<T>>): Promise<T> {
  let outcome: Outcome<T>;
  try {
    outcome = await call;
  } catch (cause) {
    if (cause instanceof DOMException && cause.name === 'AbortError') throw cause;
    if (cause instanceof SyntaxError) throw new ApiError(502, 'unreadable', 'the answer is not JSON', null);
    throw new ApiError(0, 'unreachable', 'Spandrel did not answer', null);
  }
  const { data, error, response } = outcome;
  if (response.ok && data !== undefined) return data;
  const told = readError(error);
  throw new ApiError(
    response.status,
    told?.code ?? 'unknown',
    told?.message ?? `the server answered ${response.status} ${response.statusText}`.trim(),
    told?.parameter ?? null,
  );
}

/** The error body, if it is one: a proxy in between may have sent anything. */
function readError(body: unknown): { code: string; message: string; parameter: string | null } | null {
  const error = (body as { error?: unknown } | null | undefined)?.error as Record<string, unknown> | undefined;
  if (typeof error?.message !== 'string') return null;
  return {
    code: String(error.code ?? 'unknown'),
    message: error.message,
    parameter: typeof error.parameter === 'string' ? error.parameter : null,
  };
}
