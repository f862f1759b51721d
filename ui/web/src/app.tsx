// The frame around every page, and which page a path shows.
import type { ComponentType } from 'preact';
import { ErrorBoundary, lazy, Route, Router, useLocation } from 'preact-iso';
import { useEffect } from 'preact/hooks';
import './app.css';
import { HelpSheet } from './components/help-sheet.tsx';
import { Rail } from './components/rail.tsx';
import { TopBar } from './components/top-bar.tsx';
import { Notice } from './components/notice.tsx';
import { TracesPage } from './pages/traces/traces-page.tsx';

const TracePage = page(() => import('./pages/trace/trace-page.tsx').then((m) => m.TracePage));
const LogsPage = page(() => import('./pages/logs/logs-page.tsx').then((m) => m.LogsPage));
const ConnectPage = page(() => import('./pages/connect/connect-page.tsx').then((m) => m.ConnectPage));

/** A chunk that fails to load after an upgrade is fetched again by one reload of the page, not by a loop. */
function page(load: () => Promise<ComponentType>) {
  const mark = 'spandrel.reloaded';
  return lazy(() =>
    load().then(
      (component) => {
        sessionStorage.removeItem(mark);
        return component;
      },
      (error: unknown) => {
        if (sessionStorage.getItem(mark) !== null) throw error;
        sessionStorage.setItem(mark, '1');
        location.reload();
        return new Promise<ComponentType>(() => {});
      },
    ),
  );
}

export function App() {
  return (
    <div class="app">
      <a class="skip" href="#main">
        Skip to content
      </a>
      <TopBar />
      <Rail />
      <main id="main" class="main" tabIndex={-1}>
        <ErrorBoundary>
          <Router>
            <Route path="/" component={Home} />
            <Route path="/traces" component={TracesPage} />
            <Route path="/trace/:traceId" component={TracePage} />
            <Route path="/logs" component={LogsPage} />
            <Route path="/connect" component={ConnectPage} />
            <Route default component={NotFound} />
          </Router>
        </ErrorBoundary>
      </main>
      <HelpSheet />
    </div>
  );
}

function Home() {
  const { route } = useLocation();
  useEffect(() => route('/traces', true), []);
  return null;
}

function NotFound() {
  return (
    <Notice title="There is no such page">
      The address names nothing that Spandrel shows. <a href="/traces">Search traces</a> or{' '}
      <a href="/logs">search logs</a>.
    </Notice>
  );
}
