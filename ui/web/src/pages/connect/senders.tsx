// Who sends to this server, and why something of it may not be here: each problem with what to change.
import { useIngestStatus } from '../../api/queries.ts';
import type { IngestProblem, IngestSender } from '../../api/types.ts';
import { ServiceChip, useServiceMarks } from '../../components/service.tsx';
import { age, count, plural } from '../../core/format.ts';
import './senders.css';

const POLL_MILLIS = 2000;
/** Senders beyond these are counted, not listed; those with problems come first. */
const LISTED_MAX = 12;

const PROTOCOLS: Record<string, string> = {
  otlp_grpc: 'OTLP/gRPC',
  otlp_http: 'OTLP/HTTP',
  zipkin: 'Zipkin',
  loki: 'Loki push',
  json_lines: 'JSON lines',
};

export function Senders() {
  const status = useIngestStatus(POLL_MILLIS);
  if (!status.data) return null;
  // Ages are told by the server's clock, which may not be the browser's.
  const now = Number(BigInt(status.data.now_unix_nano) / 1_000_000n);
  const senders = status.data.senders.toSorted((a, b) => Number(b.problems.length > 0) - Number(a.problems.length > 0));
  const unlisted = senders.length - LISTED_MAX;
  return (
    <section class="senders">
      <h2>Who sends</h2>
      {senders.length === 0 && (
        <p class="muted">
          Nothing has been sent since the server started. If a program should be sending: does it run, does it have the address
          above, and can it reach this machine? Exporters write their own errors to its log.
        </p>
      )}
      <ul>
        {senders.slice(0, LISTED_MAX).map((sender) => (
          <Sender key={`${sender.address} ${sender.user_agent} ${sender.token_name}`} sender={sender} now={now} />
        ))}
      </ul>
      {unlisted > 0 && <p class="muted">{plural(unlisted, 'more sender')} without problems.</p>}
    </section>
  );
}

function Sender({ sender, now }: { sender: IngestSender; now: number }) {
  const marks = useServiceMarks(sender.services);
  const protocols = sender.protocols.map((it) => PROTOCOLS[it] ?? it).join(', ');
  return (
    <li class="sender">
      <div class="sender-head">
        <b class="mono">{sender.user_agent || 'A program without a name'}</b>
        <span class="muted">
          {sender.token_name !== null && <>as {sender.token_name} </>}
          {sender.address !== null && <>from {sender.address} by </>}
          {protocols}, {age(BigInt(sender.last_seen_unix_nano), now)}
        </span>
      </div>
      <p class="sender-facts">
        <span>
          {sender.requests_acknowledged === 0
            ? 'Nothing arrived'
            : `${plural(sender.records_accepted, 'record')} in ${plural(sender.requests_acknowledged, 'request')}`}
        </span>
        {sender.records_rejected > 0 && <span class="bad">{plural(sender.records_rejected, 'record')} rejected</span>}
        {sender.requests_refused > 0 && <span class="bad">{plural(sender.requests_refused, 'request')} refused</span>}
        {sender.services.map((service) => (
          <span key={service} class="sender-service">
            <ServiceChip mark={marks.get(service)} />
            {service}
          </span>
        ))}
      </p>
      {sender.problems.map((problem) => (
        <Problem key={`${problem.protocol} ${problem.signal} ${problem.reason}`} problem={problem} now={now} />
      ))}
    </li>
  );
}

function Problem({ problem, now }: { problem: IngestProblem; now: number }) {
  const times = problem.count === 1 ? 'once' : `${count(problem.count)} times`;
  return (
    <div class="sender-problem">
      <p>
        <code>{problem.answer}</code> <span class="sender-message">{problem.message}</span>{' '}
        <span class="muted">
          {problem.signal !== null && `${problem.signal}, `}
          {times}, {problem.count > 1 && 'last '}
          {age(BigInt(problem.last_seen_unix_nano), now)}
        </span>
      </p>
      <p>{problem.advice}</p>
    </div>
  );
}
