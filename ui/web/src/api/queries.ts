// The questions that pages ask, as cached queries.
import { keepPreviousData, QueryClient, useInfiniteQuery, useQuery } from '@tanstack/preact-query';
import { ApiError, get } from './client.ts';
import type {
  LogsAnswer,
  OperationsAnswer,
  ServicesAnswer,
  SkeletonAnswer,
  StatusAnswer,
  TracesAnswer,
} from './types.ts';

export const client = new QueryClient({
  defaultOptions: {
    queries: {
      // A refused request is refused again; only silence is worth a second try.
      retry: (failures, error) => failures < 1 && error instanceof ApiError && error.status === 0,
      refetchOnWindowFocus: false,
      staleTime: 10_000,
    },
  },
});

export interface TraceSearch {
  q: string;
  start?: string;
  end?: string;
  order: 'newest' | 'slowest';
}

export function useTraces(search: TraceSearch) {
  return useInfiniteQuery({
    queryKey: ['traces', search],
    queryFn: ({ pageParam, signal }) =>
      get<TracesAnswer>('/traces', { ...search, limit: 50, cursor: pageParam }, signal),
    initialPageParam: null as string | null,
    getNextPageParam: (last) => last.next_cursor,
    placeholderData: keepPreviousData,
  });
}

export interface LogSearch {
  q?: string;
  trace_id?: string;
  span_id?: string;
  start?: string;
  end?: string;
  order: 'newest' | 'oldest';
}

export function useLogs(search: LogSearch, { limit = 200, enabled = true } = {}) {
  return useInfiniteQuery({
    queryKey: ['logs', search, limit],
    queryFn: ({ pageParam, signal }) => get<LogsAnswer>('/logs', { ...search, limit, cursor: pageParam }, signal),
    initialPageParam: null as string | null,
    getNextPageParam: (last) => last.next_cursor,
    placeholderData: keepPreviousData,
    enabled,
  });
}

/** Spans of a trace arrive in batches, some seconds apart: so long after its end it is asked for again. */
const YOUNG_MILLIS = 20_000;
const YOUNG_POLL_MILLIS = 3000;

function isYoung(answer: SkeletonAnswer): boolean {
  const end = Number(BigInt(answer.start_unix_nano) / 1_000_000n) + answer.duration_nano / 1e6;
  return Date.now() - end < YOUNG_MILLIS;
}

export function useSkeleton(traceId: string) {
  return useQuery({
    queryKey: ['skeleton', traceId],
    queryFn: ({ signal }) => get<SkeletonAnswer>(`/traces/${traceId}/skeleton`, {}, signal),
    // Comparing two answers of 100k spans field by field costs more than drawing the new one.
    structuralSharing: false,
    refetchInterval: (query) => (query.state.data && isYoung(query.state.data) ? YOUNG_POLL_MILLIS : false),
  });
}

export function useServices() {
  return useQuery({
    queryKey: ['services'],
    queryFn: ({ signal }) => get<ServicesAnswer>('/services', {}, signal),
    staleTime: 30_000,
  });
}

export function useOperations(service: string | null) {
  return useQuery({
    queryKey: ['operations', service],
    queryFn: ({ signal }) =>
      get<OperationsAnswer>(`/services/${encodeURIComponent(service as string)}/operations`, {}, signal),
    enabled: service !== null,
    staleTime: 30_000,
  });
}

export function useStatus(pollMillis: number | false) {
  return useQuery({
    queryKey: ['status'],
    queryFn: ({ signal }) => get<StatusAnswer>('/status', {}, signal),
    refetchInterval: pollMillis,
    staleTime: 0,
  });
}
