// The drawer: one span in full, and the logs of the whole trace.
import { useEffect, useRef } from 'preact/hooks';
import { Icon } from '../../components/icon.tsx';
import { ServiceChip } from '../../components/service.tsx';
import { Failure } from '../../components/notice.tsx';
import { count } from '../../core/format.ts';
import type { SpanDetail } from '../../core/otlp.ts';
import { rememberedNumber } from '../../prefs.ts';
import { AllLogs, SpanLogs } from './drawer-logs.tsx';
import { AttributesTab, EventsTab, LinksTab, OverviewTab, ResourceTab } from './drawer-span.tsx';
import { rowName, rowService, useTrace, type Tab, type TraceState } from './trace-state.ts';
import '../../components/tabs.css';
import './drawer.css';

const width = rememberedNumber('drawer-width', 440, 320, 900);

export function Drawer() {
  const state = useTrace();
  const { selected, model } = state;
  const whole = selected < 0;
  const detail = useSelectedDetail(state);
  const tab: Tab = whole ? 'all-logs' : state.tab;
  const title = whole ? 'Logs of the trace' : rowName(model, selected);
  return (
    <aside class="drawer" aria-label="Details" style={{ '--drawer': `${width.value}px` }}>
      <Grip />
      <header class="drawer-head">
        {!whole && <ServiceChip mark={state.marks.get(rowService(model, selected))} />}
        <h2 class="cut" aria-live="polite" title={title}>
          {title}
        </h2>
        <button type="button" class="button quiet tiny" title="Close (Esc)" aria-label="Close" onClick={state.closeDrawer}>
          <Icon name="x" />
        </button>
      </header>
      <Tabs state={state} tab={tab} whole={whole} />
      <div class="drawer-body" role="tabpanel" id="drawer-panel" aria-labelledby={`tab-${tab}`} tabIndex={0}>
        <Panel state={state} tab={tab} detail={detail} />
      </div>
    </aside>
  );
}

function useSelectedDetail(state: TraceState): SpanDetail | null {
  const { selected, model, details } = state;
  const id = selected < 0 ? null : model.spanId[selected];
  useEffect(() => {
    if (id !== null) details.want([id]);
  }, [id, details]);
  void details.epoch.value;
  if (id === null) return null;
  return details.get(id, model.startUnixNano + BigInt(Math.round(model.start[selected])));
}

function Panel({ state, tab, detail }: { state: TraceState; tab: Tab; detail: SpanDetail | null }) {
  const { selected, model, details } = state;
  if (tab === 'all-logs') return <AllLogs />;
  if (tab === 'logs') return <SpanLogs key={model.key[selected]} />;
  const failure = details.failure(model.spanId[selected]);
  if (!detail && failure) {
    return <Failure what="The span's details" error={failure} retry={() => details.retry(model.spanId[selected])} />;
  }
  if (tab === 'overview') return <OverviewTab detail={detail} />;
  if (!detail) return <p class="muted drawer-pad">Loading the span</p>;
  if (tab === 'attributes') return <AttributesTab detail={detail} />;
  if (tab === 'events') return <EventsTab detail={detail} />;
  if (tab === 'links') return <LinksTab detail={detail} />;
  return <ResourceTab detail={detail} />;
}

function Tabs({ state, tab, whole }: { state: TraceState; tab: Tab; whole: boolean }) {
  const { model, selected, ticks } = state;
  const spanTabs: [Tab, string, number | null][] = whole
    ? []
    : [
        ['overview', 'Overview', null],
        ['attributes', 'Attributes', null],
        ['events', 'Events', model.eventCount[selected]],
        ['links', 'Links', model.linkCount[selected]],
        ['resource', 'Resource', null],
        ['logs', 'Logs', ticks.offset[selected + 1] - ticks.offset[selected]],
      ];
  const tabs: [Tab, string, number | null][] = [...spanTabs, ['all-logs', 'All logs', state.logs.length]];
  const list = useRef<HTMLDivElement>(null);
  const move = (event: KeyboardEvent) => {
    const step = event.key === 'ArrowRight' ? 1 : event.key === 'ArrowLeft' ? -1 : 0;
    if (step === 0) return;
    event.preventDefault();
    event.stopPropagation();
    const at = tabs.findIndex(([id]) => id === tab);
    const next = tabs[(at + step + tabs.length) % tabs.length][0];
    state.setTab(next);
    list.current?.querySelector<HTMLElement>(`#tab-${next}`)?.focus();
  };
  return (
    <div ref={list} class="tabs" role="tablist" aria-label="Details" onKeyDown={move}>
      {tabs.map(([id, name, number]) => (
        <button
          key={id}
          id={`tab-${id}`}
          type="button"
          role="tab"
          class="tab"
          aria-selected={id === tab}
          aria-controls="drawer-panel"
          tabIndex={id === tab ? 0 : -1}
          onClick={() => state.setTab(id)}
        >
          {name}
          {number !== null && number > 0 && <span class="tab-count">{count(number)}</span>}
        </button>
      ))}
    </div>
  );
}

/** Drags the left edge; arrow keys do the same. */
function Grip() {
  const onPointerDown = (event: PointerEvent) => {
    const grip = event.currentTarget as HTMLElement;
    const right = (grip.parentElement as HTMLElement).getBoundingClientRect().right;
    const move = (e: PointerEvent) => {
      width.value = Math.min(900, Math.max(320, right - e.clientX));
    };
    grip.setPointerCapture(event.pointerId);
    grip.addEventListener('pointermove', move);
    grip.addEventListener('pointerup', () => grip.removeEventListener('pointermove', move), { once: true });
  };
  return (
    <div
      class="drawer-grip"
      role="separator"
      aria-orientation="vertical"
      aria-label="Width of the details"
      aria-valuemin={320}
      aria-valuemax={900}
      aria-valuenow={Math.round(width.value)}
      tabIndex={0}
      onPointerDown={onPointerDown}
      onKeyDown={(event) => {
        const step = event.key === 'ArrowLeft' ? 20 : event.key === 'ArrowRight' ? -20 : 0;
        if (step === 0) return;
        event.preventDefault();
        width.value = Math.min(900, Math.max(320, width.value + step));
      }}
    />
  );
}
