// The questions that pages ask, as cached queries.
import { keepPreviousData, QueryClient, useInfiniteQuery, useQuery } from '@tanstack/preact-query';
import { answer, api, ApiError } from './client.ts';
import type { SkeletonAnswer } from './types.ts';

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
  q?: string;
  start?: string;
  end?: string;
  order: 'newest' | 'slowest';
}

const TRACES_PAGE = 50;

export function useTraces(search: TraceSearch) {
  return useInfiniteQuery({
    queryKey: ['traces', search],
    queryFn: ({ pageParam, signal }) => {
      const query = { ...search, q: search.q || undefined, limit: TRACES_PAGE, cursor: pageParam ?? undefined };
      return answer(api.GET('/api/v1/traces', { params: { query }, signal }));
    },
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
    queryFn: ({ pageParam, signal }) => {
      const query = { ...search, q: search.q || undefined, limit, cursor: pageParam ?? undefined };
      return answer(api.GET('/api/v1/logs', { params: { query }, signal }));
    },
    initialPageParam: null as string | null,
    getNextPageParam: (last) => last.next_cursor,
    placeholderData: keepPreviousData,
    enabled,
  });
}

/** Spans of a trace arrive in batches, some seconds apart: so long after its end it is asked for again. */
const YOUNG_MILLIS = 20_000;
const YOUNG_POLL_MILLIS = 3000;

function isYoung(skeleton: SkeletonAnswer): boolean {
  const end = Number(BigInt(skeleton.start_unix_nano) / 1_000_000n) + skeleton.duration_nano / 1e6;
  return Date.now() - end < YOUNG_MILLIS;
}

export function useSkeleton(trace_id: string) {
  return useQuery({
    queryKey: ['skeleton', trace_id],
    queryFn: ({ signal }) => answer(api.GET('/api/v1/traces/{trace_id}/skeleton', { params: { path: { trace_id } }, signal })),
    // Comparing two answers of 100k spans field by field costs more than drawing the new one.
    structuralSharing: false,
    refetchInterval: (query) => (query.state.data && isYoung(query.state.data) ? YOUNG_POLL_MILLIS : false),
  });
}

export function useServices() {
  return useQuery({
    queryKey: ['services'],
    queryFn: ({ signal }) => answer(api.GET('/api/v1/services', { signal })),
    staleTime: 30_000,
  });
}

export function useOperations(service: string | null) {
  return useQuery({
    queryKey: ['operations', service],
    queryFn: ({ signal }) => {
      const path = { service: service ?? '' };
      return answer(api.GET('/api/v1/services/{service}/operations', { params: { path }, signal }));
    },
    enabled: service !== null,
    staleTime: 30_000,
  });
}

export function useStatus(pollMillis: number | false) {
  return useQuery({
    queryKey: ['status'],
    queryFn: ({ signal }) => answer(api.GET('/api/v1/status', { signal })),
    refetchInterval: pollMillis,
    staleTime: 0,
  });
}

export function useIngestStatus(pollMillis: number) {
  return useQuery({
    queryKey: ['status', 'ingest'],
    queryFn: ({ signal }) => answer(api.GET('/api/v1/status/ingest', { signal })),
    refetchInterval: pollMillis,
    staleTime: 0,
  });
}
