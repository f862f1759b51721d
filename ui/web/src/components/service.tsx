import { useMemo } from 'preact/hooks';
import { useServices } from '../api/queries.ts';
import { serviceMarks, type ServiceMark } from '../core/colors.ts';
import './service.css';

const NO_NAMES: string[] = [];

/** Every service this server knows, for chips that are the same in every list. */
export function useKnownServices(): string[] {
  const { data } = useServices();
  return useMemo(() => data?.services.map((s) => s.name) ?? NO_NAMES, [data]);
}

export function useServiceMarks(names: readonly string[]): Map<string, ServiceMark> {
  const known = useKnownServices();
  return useMemo(() => serviceMarks(names, known), [names, known]);
}

/** The two-letter chip in the service's colour. Decorative: the name always stands in the text or the label. */
export function ServiceChip({ mark }: { mark: ServiceMark | undefined }) {
  return (
    <span class={`chip svc-${mark?.slot ?? 'none'}`} aria-hidden="true">
      {mark?.chip ?? '?'}
    </span>
  );
}
