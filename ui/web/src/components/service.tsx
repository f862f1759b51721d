import type { ServiceMark } from '../core/colors.ts';
import './service.css';

/** The two-letter chip in the service's colour. Decorative: the name always stands in the text or the label. */
export function ServiceChip({ mark }: { mark: ServiceMark | undefined }) {
  return (
    <span class={`chip svc-${mark?.slot ?? 'none'}`} aria-hidden="true">
      {mark?.chip ?? '?'}
    </span>
  );
}

export function ServiceName({ name, mark }: { name: string; mark: ServiceMark | undefined }) {
  return (
    <span class="service">
      <ServiceChip mark={mark} />
      <span class="cut">{name || 'unnamed service'}</span>
    </span>
  );
}
