import { useLocation } from 'preact-iso';
import { Icon, type IconName } from './icon.tsx';
import './rail.css';

const PAGES: readonly { path: string; also: string; name: string; icon: IconName }[] = [
  { path: '/traces', also: '/trace/', name: 'Traces', icon: 'list-tree' },
  { path: '/logs', also: '/logs', name: 'Logs', icon: 'scroll-text' },
  { path: '/connect', also: '/connect', name: 'Connect', icon: 'cable' },
];

export function Rail() {
  const { path } = useLocation();
  return (
    <nav class="rail" aria-label="Pages">
      {PAGES.map((page) => {
        const here = path === page.path || path.startsWith(page.also);
        return (
          <a key={page.path} href={page.path} class="rail-link" aria-current={here ? 'page' : undefined} title={page.name}>
            <Icon name={page.icon} />
            <span class="rail-name">{page.name}</span>
          </a>
        );
      })}
    </nav>
  );
}
