// How to send telemetry here: this server's own addresses, settings to copy, and what has arrived.
import { useEffect, useRef, useState } from 'preact/hooks';
import { useServices, useStatus } from '../../api/queries.ts';
import type { StatusAnswer } from '../../api/types.ts';
import { CopyButton } from '../../components/copy-button.tsx';
import { Failure } from '../../components/notice.tsx';
import { useNow } from '../../components/search-state.tsx';
import { age, bytes, plural, seconds } from '../../core/format.ts';
import { reachable, snippets } from '../../core/snippets.ts';
import { useUrl } from '../../url.ts';
import '../../components/tabs.css';
import { Senders } from './senders.tsx';
import './connect-page.css';

const POLL_MILLIS = 2000;

export function ConnectPage() {
  const status = useStatus(POLL_MILLIS);
  useEffect(() => {
    document.title = 'Connect · Spandrel';
  }, []);
  return (
    <div class="connect">
      <h1>Send telemetry here</h1>
      {status.isError && !status.data && <Failure what="This server's addresses" error={status.error} retry={() => void status.refetch()} />}
      {status.data && (
        <>
          <p class="muted">
            Spandrel receives traces and logs over OTLP, from any OpenTelemetry SDK or Collector. Set one address, restart the
            program, and the first trace shows up below.
          </p>
          <Addresses status={status.data} />
          {status.data.endpoints.needs_token && (
            <p class="muted">
              Senders show a token: <code>OTEL_EXPORTER_OTLP_HEADERS=authorization=Bearer%20TOKEN</code>. Whoever runs this server makes
              one with <code>spandrel token new NAME</code>.
            </p>
          )}
          <Arrivals status={status.data} stale={status.isError} />
          <Snippets status={status.data} />
          <Senders />
          <Server status={status.data} />
        </>
      )}
    </div>
  );
}

function Addresses({ status }: { status: StatusAnswer }) {
  const scheme = status.endpoints.is_encrypted ? 'https' : 'http';
  const grpc = `${scheme}://${reachable(status.endpoints.otlp_grpc, location.hostname)}`;
  const http = `${scheme}://${reachable(status.endpoints.otlp_http, location.hostname)}`;
  return (
    <dl class="addresses">
      {[
        ['OTLP over gRPC', grpc],
        ['OTLP over HTTP', http],
      ].map(([name, address]) => (
        <div key={name}>
          <dt>{name}</dt>
          <dd>
            <code>{address}</code>
            <CopyButton text={address} label={`Copy the address of ${name}`} />
          </dd>
        </div>
      ))}
    </dl>
  );
}

function Arrivals({ status, stale }: { status: StatusAnswer; stale: boolean }) {
  const now = useNow(1000);
  const { spans, log_records } = status.stored;
  const services = useServices();
  const seen = useRef(spans + log_records);
  useEffect(() => {
    // New data may come from a new service.
    if (spans + log_records === seen.current) return;
    seen.current = spans + log_records;
    void services.refetch();
  }, [spans, log_records]);
  const newest = [status.newest_span_unix_nano, status.newest_log_unix_nano]
    .filter((t) => t !== null)
    .map((t) => BigInt(t))
    .reduce<bigint | null>((max, t) => (max === null || t > max ? t : max), null);
  if (stale) {
    return (
      <p class="arrivals lost" role="status">
        <i class="lamp" />
        The server has stopped answering; what is shown here may be out of date.
      </p>
    );
  }
  if (newest === null) {
    return (
      <p class="arrivals" role="status">
        <i class="lamp" />
        Waiting for the first span or log record
      </p>
    );
  }
  const names = (services.data?.services ?? []).map((s) => s.name);
  return (
    <p class="arrivals here">
      <i class="lamp" />
      <span>
        Received <b>{plural(spans, 'span')}</b> and <b>{plural(log_records, 'log record')}</b>, the newest {age(newest, now)}
        {names.length > 0 && `, from ${names.slice(0, 6).join(', ')}${names.length > 6 ? ` and ${names.length - 6} more` : ''}`}.
      </span>
      <a class="button" href="/traces">
        Show the traces
      </a>
    </p>
  );
}

function Snippets({ status }: { status: StatusAnswer }) {
  const url = useUrl();
  const list = snippets({
    grpc: reachable(status.endpoints.otlp_grpc, location.hostname),
    http: reachable(status.endpoints.otlp_http, location.hostname),
    isEncrypted: status.endpoints.is_encrypted,
  });
  const [chosen, setChosen] = useState(url.query.for ?? list[0].id);
  const snippet = list.find((s) => s.id === chosen) ?? list[0];
  const tabs = useRef<HTMLDivElement>(null);
  const choose = (id: string) => {
    setChosen(id);
    if (url.path === '/connect') url.set({ for: id === list[0].id ? null : id }, true);
  };
  const move = (event: KeyboardEvent) => {
    const step = event.key === 'ArrowRight' ? 1 : event.key === 'ArrowLeft' ? -1 : 0;
    if (step === 0) return;
    event.preventDefault();
    const at = list.indexOf(snippet);
    const next = list[(at + step + list.length) % list.length].id;
    choose(next);
    tabs.current?.querySelector<HTMLElement>(`#snippet-${next}`)?.focus();
  };
  return (
    <section class="snippets">
      <div ref={tabs} class="tabs" role="tablist" aria-label="Settings for" onKeyDown={move}>
        {list.map((s) => (
          <button
            key={s.id}
            id={`snippet-${s.id}`}
            type="button"
            role="tab"
            class="tab"
            aria-selected={s === snippet}
            aria-controls="snippet-panel"
            tabIndex={s === snippet ? 0 : -1}
            onClick={() => choose(s.id)}
          >
            {s.title}
          </button>
        ))}
      </div>
      <div id="snippet-panel" role="tabpanel" aria-labelledby={`snippet-${snippet.id}`}>
        {snippet.install && <Code text={snippet.install} label="Copy the install command" />}
        <Code text={snippet.code} label="Copy the settings" />
      </div>
    </section>
  );
}

function Code({ text, label }: { text: string; label: string }) {
  return (
    <div class="code">
      <pre tabIndex={0}>{text}</pre>
      <CopyButton text={text} label={label} />
    </div>
  );
}

const BUDGET_SOURCES: Record<StatusAnswer['memory']['budget_source'], string> = {
  setting: 'as set',
  machine: "a share of the machine's",
  control_group: "a share of the container's",
  minimum: 'the least that works',
  unknown: 'the system does not say what there is',
};

function memoryFacts({ memory }: StatusAnswer): [string, string][] {
  const held = memory.held_bytes === null ? 'at most' : `${bytes(memory.held_bytes)} of at most`;
  return [
    ['Memory', `${held} ${bytes(memory.budget_bytes)}, ${BUDGET_SOURCES[memory.budget_source]}`],
    ...(memory.is_short ? [['Senders wait', 'the server holds more memory than it should'] as [string, string]] : []),
    ['Requests in memory', `${bytes(memory.in_flight_bytes)} of at most ${bytes(memory.in_flight_bytes_max)}`],
    ['Largest request', bytes(memory.request_bytes_max)],
    ['Memory of records not yet in a split', `${bytes(memory.hot_bytes)} of at most ${bytes(memory.hot_bytes_max)}, a split at ${bytes(memory.seal_bytes)}`],
    ['Memory of queries', `${bytes(memory.query_bytes)} of at most ${bytes(memory.query_bytes_max)}`],
  ];
}

function Server({ status }: { status: StatusAnswer }) {
  const { stored } = status;
  const facts: [string, string][] = [
    ['Version', status.version],
    ['Data', status.data_dir],
    ['Stored', `${bytes(stored.bytes + stored.wal_bytes)} in ${plural(stored.splits, 'split')}`],
    ['Not yet in a split', `${plural(stored.hot_spans, 'span')}, ${plural(stored.hot_log_records, 'log record')}`],
    ['Kept for', status.retention_age_secs === null ? 'ever' : seconds(status.retention_age_secs)],
    ['On the disk', `${bytes(status.disk.used_bytes)} of at most ${bytes(status.disk.limit_bytes)}`],
    ...memoryFacts(status),
    ...(status.disk.shortage === null ? [] : [['Records are refused', status.disk.shortage] as [string, string]]),
    ...(status.set_aside.length === 0 ? [] : [['Set aside', status.set_aside.map((it) => `${it.what} ${it.name}: ${it.reason}`).join('; ')] as [string, string]]),
    ['Up for', seconds(status.uptime_secs)],
  ];
  return (
    <section class="server">
      <h2>This server</h2>
      <dl class="server-facts">
        {facts.map(([name, value]) => (
          <div key={name}>
            <dt>{name}</dt>
            <dd class="mono">{value}</dd>
          </div>
        ))}
      </dl>
    </section>
  );
}
