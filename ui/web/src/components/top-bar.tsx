import { nextTheme, theme } from '../prefs.ts';
import { helpOpen } from './help-sheet.tsx';
import { Icon } from './icon.tsx';
import { Mark } from './mark.tsx';
import { Omnibox } from './omnibox.tsx';
import './top-bar.css';

const THEME_ICON = { system: 'monitor', light: 'sun', dark: 'moon' } as const;

export function TopBar() {
  return (
    <header class="top-bar">
      <a class="brand" href="/traces" aria-label="spandrel, to the traces">
        <Mark />
        <span class="brand-name">spandrel</span>
      </a>
      <Omnibox />
      <div class="top-tools">
        <ThemeToggle />
        <button type="button" class="button quiet" title="Keys and query language (?)" aria-label="Help" onClick={() => (helpOpen.value = true)}>
          <Icon name="circle-question-mark" />
        </button>
      </div>
    </header>
  );
}

function ThemeToggle() {
  const words = `Theme: ${theme.value}`;
  return (
    <button type="button" class="button quiet" title={words} aria-label={words} onClick={nextTheme}>
      <Icon name={THEME_ICON[theme.value]} />
    </button>
  );
}
