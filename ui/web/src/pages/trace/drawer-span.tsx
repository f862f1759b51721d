// The tabs that show one span: overview, attributes, events, links, resource.
import type { ComponentChildren } from 'preact';
import type { KeyValue, OtlpEvent, OtlpLink } from '../../api/types.ts';
import { AttributeTable } from '../../components/attribute-table.tsx';
import { CopyButton } from '../../components/copy-button.tsx';
import { Icon } from '../../components/icon.tsx';
import { clock, duration, percent, plural, rfc3339, spanKind } from '../../core/format.ts';
import { attribute, groupAttributes, nanos, type SpanDetail } from '../../core/otlp.ts';
import { FLAG_ERROR, FLAG_OK } from '../../core/trace-model.ts';
import { href } from '../../url.ts';
import { rowName, rowService, useTrace } from './trace-state.ts';

export function OverviewTab({ detail }: { detail: SpanDetail | null }) {
  const state = useTrace();
  const { model, selected: row, path } = state;
  const total = model.end[row] - model.start[row];
  let critical = 0;
  for (let k = path.offset[row]; k < path.offset[row + 1]; k++) critical += path.to[k] - path.from[k];
  const parent = model.parent[row];
  const start = model.startUnixNano + BigInt(Math.round(model.start[row]));
  const error = (model.flags[row] & FLAG_ERROR) !== 0;
  const exceptions = (detail?.span.events ?? []).filter((e) => e.name === 'exception');
  return (
    <div class="drawer-pad">
      {error && (
        <p class="error-box">
          <Icon name="circle-alert" />
          <span>{detail?.span.status?.message || 'The span ended with an error; it gave no message.'}</span>
        </p>
      )}
      {exceptions.map((event) => (
        <Exception key={event.timeUnixNano} event={event} />
      ))}
      <dl class="pairs">
        <Pair name="Service">{rowService(model, row)}</Pair>
        <Pair name="Kind">{spanKind(model.kind[row])}</Pair>
        <Pair name="Status">{error ? 'error' : model.flags[row] & FLAG_OK ? 'ok' : 'unset'}</Pair>
        <Pair name="Duration">
          <span class="mono">{duration(total)}</span>
          <span class="muted"> {percent(total / Math.max(1, model.durationNano))} of the trace</span>
        </Pair>
        <Pair name="Self time">
          <span class="mono">{duration(model.self[row])}</span>
          {total > 0 && <span class="muted"> {percent(model.self[row] / total)} of the span</span>}
        </Pair>
        <Pair name="Critical path">
          {critical > 0 ? <span class="mono">{duration(critical)}</span> : <span class="muted">not on it</span>}
        </Pair>
        <Pair name="Starts">
          <span class="mono">+{duration(model.start[row])}</span>
          <span class="muted mono" title={rfc3339(start)}>
            {' '}
            {clock(start, 6)}
          </span>
        </Pair>
        <Pair name="Below">
          {plural(model.subtree[row] - 1, 'span')}
          {model.errorsBelow[row] > 0 && `, ${plural(model.errorsBelow[row], 'error')}`}
        </Pair>
        <Pair name="Parent">
          {parent < 0 ? (
            <span class="muted">none, it starts the trace</span>
          ) : (
            <button type="button" class="link" onClick={() => state.select(parent)}>
              {rowName(model, parent)}
            </button>
          )}
        </Pair>
        <Pair name="Span id">
          <code>{model.spanId[row]}</code>
          <CopyButton text={model.spanId[row]} label="Copy the span id" />
        </Pair>
        {detail?.span.traceState ? (
          <Pair name="Trace state">
            <code>{detail.span.traceState}</code>
          </Pair>
        ) : null}
      </dl>
      {detail && <TopAttributes attributes={detail.span.attributes ?? []} />}
    </div>
  );
}

const TOP_MAX = 8;

function TopAttributes({ attributes }: { attributes: KeyValue[] }) {
  const state = useTrace();
  if (attributes.length === 0) return null;
  const sorted = groupAttributes(attributes).flatMap((group) => group.attributes);
  return (
    <section>
      <h3>Attributes</h3>
      <AttributeTable attributes={sorted.slice(0, TOP_MAX)} signal="traces" />
      {sorted.length > TOP_MAX && (
        <button type="button" class="link" onClick={() => state.setTab('attributes')}>
          All {sorted.length}
        </button>
      )}
    </section>
  );
}

function Pair({ name, children }: { name: string; children: ComponentChildren }) {
  return (
    <div>
      <dt>{name}</dt>
      <dd>{children}</dd>
    </div>
  );
}

export function AttributesTab({ detail }: { detail: SpanDetail }) {
  const attributes = detail.span.attributes ?? [];
  const dropped = detail.span.droppedAttributesCount ?? 0;
  return (
    <div class="drawer-pad">
      {attributes.length === 0 && <p class="muted">The span has no attributes.</p>}
      {groupAttributes(attributes).map((group) => (
        <section key={group.name}>
          <h3>{group.name}</h3>
          <AttributeTable attributes={group.attributes} signal="traces" />
        </section>
      ))}
      {dropped > 0 && <p class="warn-text">{plural(dropped, 'attribute')} dropped by the sender.</p>}
    </div>
  );
}

function Exception({ event }: { event: OtlpEvent }) {
  const type = attribute(event.attributes, 'exception.type');
  const message = attribute(event.attributes, 'exception.message');
  const stack = attribute(event.attributes, 'exception.stacktrace');
  return (
    <div class="exception">
      <p>
        <b>{type ?? 'Exception'}</b>
        {message && `: ${message}`}
      </p>
      {stack && (
        <details>
          <summary>Stack trace</summary>
          <pre>{stack}</pre>
        </details>
      )}
    </div>
  );
}

export function EventsTab({ detail }: { detail: SpanDetail }) {
  const { model } = useTrace();
  const events = [...(detail.span.events ?? [])].sort((a, b) => (nanos(a.timeUnixNano) < nanos(b.timeUnixNano) ? -1 : 1));
  const dropped = detail.span.droppedEventsCount ?? 0;
  return (
    <div class="drawer-pad">
      {events.length === 0 && <p class="muted">The span has no events.</p>}
      {events.map((event, k) => {
        const time = nanos(event.timeUnixNano);
        const relative = Number(time - model.startUnixNano);
        return (
          <section key={k}>
            <h3 class="event-head">
              <span>{event.name || 'unnamed event'}</span>
              <span class="num muted" title={rfc3339(time)}>
                {relative < 0 ? `−${duration(-relative)}` : `+${duration(relative)}`}
              </span>
            </h3>
            <AttributeTable attributes={event.attributes ?? []} signal="traces" />
          </section>
        );
      })}
      {dropped > 0 && <p class="warn-text">{plural(dropped, 'event')} dropped by the sender.</p>}
    </div>
  );
}

export function LinksTab({ detail }: { detail: SpanDetail }) {
  const links = detail.span.links ?? [];
  const dropped = detail.span.droppedLinksCount ?? 0;
  return (
    <div class="drawer-pad">
      {links.length === 0 && <p class="muted">The span links to no other span.</p>}
      {links.map((link, k) => (
        <LinkEntry key={k} link={link} />
      ))}
      {dropped > 0 && <p class="warn-text">{plural(dropped, 'link')} dropped by the sender.</p>}
    </div>
  );
}

function LinkEntry({ link }: { link: OtlpLink }) {
  const state = useTrace();
  const [traceId, spanId] = [(link.traceId ?? '').toLowerCase(), (link.spanId ?? '').toLowerCase()];
  const here = traceId === state.model.traceId ? state.model.rowByKey.get(spanId) : undefined;
  return (
    <section>
      <h3 class="event-head">
        {here !== undefined ? (
          <button type="button" class="link" onClick={() => state.select(here)}>
            {rowService(state.model, here)} {rowName(state.model, here)}
          </button>
        ) : (
          <a href={href(`/trace/${traceId}`, { span: spanId })}>
            <Icon name="arrow-up-right" size={14} /> trace {traceId.slice(0, 8)}…, span {spanId.slice(0, 8)}…
          </a>
        )}
        <span class="muted small">{here !== undefined ? 'in this trace' : 'in another trace'}</span>
      </h3>
      <AttributeTable attributes={link.attributes ?? []} signal="traces" />
    </section>
  );
}

export function ResourceTab({ detail }: { detail: SpanDetail }) {
  const { resource, scope } = detail;
  return (
    <div class="drawer-pad">
      <section>
        <h3>Resource</h3>
        <AttributeTable attributes={resource.attributes ?? []} signal="traces" />
        {(resource.attributes ?? []).length === 0 && <p class="muted">The resource has no attributes.</p>}
      </section>
      <section>
        <h3>Scope</h3>
        <dl class="pairs">
          <Pair name="Name">{scope.name || <span class="muted">none</span>}</Pair>
          {scope.version ? <Pair name="Version">{scope.version}</Pair> : null}
        </dl>
        <AttributeTable attributes={scope.attributes ?? []} signal="traces" />
      </section>
    </div>
  );
}
