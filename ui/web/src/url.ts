// The URL is the state: pages read it through this and write it through this.
import { useLocation } from 'preact-iso';

export type Changes = Record<string, string | null | undefined>;

/** A path with parameters; empty ones are left out, and `,` `:` `.` stay readable. */
export function href(path: string, params: Changes): string {
  const parts = Object.entries(params)
    .filter(([, value]) => value !== undefined && value !== null && value !== '')
    .map(([key, value]) => `${key}=${encodeURIComponent(value as string).replace(/%(2C|3A)/g, decodeURIComponent)}`);
  return parts.length ? `${path}?${parts.join('&')}` : path;
}

export interface Url {
  readonly path: string;
  readonly query: Readonly<Record<string, string | undefined>>;
  /** Changes parameters of the present page; `replace` leaves no entry in the history. */
  set(changes: Changes, replace?: boolean): void;
  go(to: string): void;
}

export function useUrl(): Url {
  const { path, query, route } = useLocation();
  return {
    path,
    query,
    set: (changes, replace = false) => {
      const now = Object.fromEntries(new URLSearchParams(location.search));
      route(href(location.pathname, { ...now, ...changes }), replace);
    },
    go: (to) => route(to),
  };
}
