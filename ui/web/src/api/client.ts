// Calls the native API. Every failure becomes an ApiError that says what happened, whoever refused.
import type { ErrorBody } from './types.ts';

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

export type Params = Record<string, string | number | null | undefined>;

export function get<T>(path: string, params: Params, signal?: AbortSignal): Promise<T> {
  const search = new URLSearchParams();
  for (const [key, value] of Object.entries(params)) {
    if (value !== undefined && value !== null && value !== '') search.set(key, String(value));
  }
  const query = search.toString();
  return call<T>(query ? `${path}?${query}` : path, { signal });
}

export function post<T>(path: string, body: unknown, signal?: AbortSignal): Promise<T> {
  return call<T>(path, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify(body),
    signal,
  });
}

async function call<T>(path: string, init: RequestInit): Promise<T> {
  let response: Response;
  try {
    response = await fetch(`/api/v1${path}`, init);
  } catch (cause) {
    if (cause instanceof DOMException && cause.name === 'AbortError') throw cause;
    throw new ApiError(0, 'unreachable', 'Spandrel did not answer', null);
  }
  if (response.ok) return (await response.json()) as T;
  const body = (await response.json().catch(() => null)) as Partial<ErrorBody> | null;
  const error = body?.error;
  throw new ApiError(
    response.status,
    error?.code ?? 'unknown',
    error?.message ?? `the server answered ${response.status} ${response.statusText}`.trim(),
    error?.parameter ?? null,
  );
}
