import { QueryClientProvider } from '@tanstack/preact-query';
import { render } from 'preact';
import { LocationProvider } from 'preact-iso';
import './tokens.css';
import './base.css';
import { client } from './api/queries.ts';
import { App } from './app.tsx';
import { startTheme } from './prefs.ts';

startTheme();
render(
  <QueryClientProvider client={client}>
    <LocationProvider>
      <App />
    </LocationProvider>
  </QueryClientProvider>,
  document.getElementById('app') as HTMLElement,
);
