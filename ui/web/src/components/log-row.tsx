// One log record: a dense line that unfolds in place to everything it carries.
import { useState } from 'preact/hooks';
import type { LogRecord } from '../api/types.ts';
import type { ServiceMark } from '../core/colors.ts';
import { clockOrDay, dateTime, duration, rfc3339 } from '../core/format.ts';
import { logTime } from '../core/log-ticks.ts';
import { valueText } from '../core/otlp.ts';
import { severityLabel, severityOf } from '../core/severity.ts';
import { href } from '../url.ts';
import { AttributeTable } from './attribute-table.tsx';
import { CopyButton } from './copy-button.tsx';
import { Icon } from './icon.tsx';
import { ServiceChip } from './service.tsx';
import './log-row.css';

interface Props {
  log: LogRecord;
  mark: ServiceMark | undefined;
  /** Times are shown relative to this moment when given. */
  origin?: bigint;
  /** Leads to the span inside the trace that is open. */
  onSpan?: (() => void) | null;
  current?: boolean;
  compact?: boolean;
}

export function LogRow({ log, mark, origin, onSpan, current = false, compact = false }: Props) {
  const [open, setOpen] = useState(false);
  const time = logTime(log);
  const severity = severityOf(log.severity_number);
  const relative = origin === undefined ? null : Number(time - origin);
  const body = log.body || log.event_name;
  return (
    <div class={`log sev-${severity} ${compact ? 'compact' : ''} ${current ? 'current' : ''}`}>
      <div class="log-line">
        <button type="button" class="log-open" aria-expanded={open} onClick={() => setOpen(!open)}>
          <span class="log-time" title={`${dateTime(time)}, ${rfc3339(time)}`}>
            {relative === null ? clockOrDay(time, Date.now()) : relative < 0 ? `−${duration(-relative)}` : `+${duration(relative)}`}
          </span>
          <span class="log-severity">{severityLabel(log.severity_number, log.severity_text)}</span>
          <span class="log-service">
            <ServiceChip mark={mark} />
            <span class={compact ? 'hidden-text' : 'cut'}>{log.service}</span>
          </span>
          <span class="log-body cut">{body === '' ? <span class="muted">no body</span> : body}</span>
        </button>
        {!compact && log.trace_id && (
          <a
            class="log-trace"
            href={href(`/trace/${log.trace_id}`, { span: log.span_id, tab: log.span_id ? 'logs' : 'all-logs' })}
            title="Open the trace at this span"
          >
            <Icon name="list-tree" size={14} />
            <span class="hidden-text">Open the trace of this record</span>
          </a>
        )}
      </div>
      {open && <LogDetail log={log} time={time} onSpan={onSpan ?? null} compact={compact} />}
    </div>
  );
}

function LogDetail({ log, time, onSpan, compact }: { log: LogRecord; time: bigint; onSpan: (() => void) | null; compact: boolean }) {
  const structured = log.body_value?.kvlistValue ?? log.body_value?.arrayValue;
  return (
    <div class="log-detail">
      <div class="log-links">
        {onSpan && (
          <button type="button" class="link" onClick={onSpan}>
            Show its span
          </button>
        )}
        {!compact && log.trace_id && (
          <>
            <a href={href(`/trace/${log.trace_id}`, { span: log.span_id, tab: log.span_id ? 'logs' : 'all-logs' })}>
              Open the trace
            </a>
            <a href={href('/logs', { trace_id: log.trace_id, t: 'all', order: 'oldest' })}>Logs of the trace</a>
            {log.span_id && (
              <a href={href('/logs', { trace_id: log.trace_id, span_id: log.span_id, t: 'all', order: 'oldest' })}>
                Logs of the span
              </a>
            )}
          </>
        )}
        <CopyButton text={log.body} label="Copy the body" words="Copy body" />
      </div>
      <pre class="log-full">{structured ? valueText(log.body_value) : log.body}</pre>
      <AttributeTable attributes={log.attributes} signal="logs" />
      {log.dropped_attributes_count > 0 && <p class="muted">{log.dropped_attributes_count} attributes dropped by the sender.</p>}
      <dl class="log-meta">
        <Meta name="time">{rfc3339(time)}</Meta>
        {log.observed_time_unix_nano !== '0' && <Meta name="observed">{rfc3339(BigInt(log.observed_time_unix_nano))}</Meta>}
        {log.severity_text !== '' && <Meta name="severity">{`${log.severity_text} (${log.severity_number})`}</Meta>}
        {log.event_name !== '' && <Meta name="event">{log.event_name}</Meta>}
        {log.trace_id && <Meta name="trace">{log.trace_id}</Meta>}
        {log.span_id && <Meta name="span">{log.span_id}</Meta>}
        {log.scope.name && <Meta name="scope">{`${log.scope.name} ${log.scope.version ?? ''}`.trim()}</Meta>}
      </dl>
      {(log.resource.attributes ?? []).length > 0 && (
        <details>
          <summary>Resource</summary>
          <AttributeTable attributes={log.resource.attributes ?? []} signal="logs" />
        </details>
      )}
    </div>
  );
}

function Meta({ name, children }: { name: string; children: string }) {
  return (
    <div>
      <dt>{name}</dt>
      <dd>{children}</dd>
    </div>
  );
}
