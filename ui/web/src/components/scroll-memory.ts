// Going back to a list shows it as it was left: the same answers, at the same place.
import { useLocation } from 'preact-iso';
import type { RefObject } from 'preact';
import { useLayoutEffect, useMemo, useRef, useState } from 'preact/hooks';

/** Lists that are remembered; older ones are forgotten. */
const KEPT_MAX = 20;

const moments = new Map<string, Date>();
const places = new Map<string, number>();

function remember<T>(map: Map<string, T>, key: string, value: T): void {
  map.delete(key);
  map.set(key, value);
  for (const oldest of map.keys()) {
    if (map.size <= KEPT_MAX) break;
    map.delete(oldest);
  }
}

/** Whether the page was come to by a link rather than by going back. preact-iso knows, its types do not say. */
function useCameByLink(): boolean {
  return (useLocation() as { wasPush?: boolean }).wasPush === true;
}

/**
 * The moment a search counts its relative range from: fixed while paging and when coming back to it, new for
 * another query, for a fresh visit and on refresh.
 */
export function useSearchMoment(key: string): { now: Date; refresh: () => void } {
  const byLink = useCameByLink();
  const [epoch, setEpoch] = useState(0);
  const now = useMemo(() => {
    const kept = byLink || epoch > 0 ? undefined : moments.get(key);
    const moment = kept ?? new Date();
    remember(moments, key, moment);
    return moment;
  }, [key, epoch]);
  return { now, refresh: () => setEpoch((e) => e + 1) };
}

/** Keeps the scroll position of a list under its URL and restores it on the way back. */
export function useScrollMemory(element: RefObject<HTMLElement | null>): void {
  const { url } = useLocation();
  const byLink = useCameByLink();
  const restored = useRef<string | null>(null);
  useLayoutEffect(() => {
    const list = element.current;
    if (!list) return undefined;
    if (restored.current !== url) {
      restored.current = url;
      list.scrollTop = byLink ? 0 : (places.get(url) ?? 0);
    }
    const keep = () => remember(places, url, list.scrollTop);
    list.addEventListener('scroll', keep, { passive: true });
    return () => list.removeEventListener('scroll', keep);
  }, [url]);
}
