// Full spans, fetched in batches as they come into view and kept while the trace is open.
import { signal, type Signal } from '@preact/signals';
import { answer, api } from '../../api/client.ts';
import { nanos, spanDetails, type SpanDetail } from '../../core/otlp.ts';

const BATCH_MAX = 1000;
/** Waits for scrolling to settle, so that rows flying by are not asked for. */
const SETTLE_MILLIS = 60;
/** Beyond this the cache starts anew; it only saves repeated requests. */
const KEPT_MAX = 20_000;

export class SpanDetails {
  /** Moves whenever something arrived or failed. */
  readonly epoch: Signal<number> = signal(0);
  readonly #traceId: string;
  readonly #found = new Map<string, SpanDetail[]>();
  readonly #failed = new Map<string, unknown>();
  readonly #asked = new Set<string>();
  #wanted = new Set<string>();
  #timer: ReturnType<typeof setTimeout> | null = null;
  readonly #abort = new AbortController();

  constructor(traceId: string) {
    this.#traceId = traceId;
  }

  /** The span with this id; with duplicates the one that starts at that time. */
  get(spanId: string, startUnixNano: bigint): SpanDetail | null {
    const found = this.#found.get(spanId);
    if (!found) return null;
    return found.find((d) => nanos(d.span.startTimeUnixNano) === startUnixNano) ?? found[0];
  }

  failure(spanId: string): unknown {
    return this.#failed.get(spanId);
  }

  want(spanIds: Iterable<string>): void {
    for (const id of spanIds) if (!this.#asked.has(id)) this.#wanted.add(id);
    if (this.#wanted.size > 0 && this.#timer === null) {
      this.#timer = setTimeout(() => void this.#fetch(), SETTLE_MILLIS);
    }
  }

  retry(spanId: string): void {
    this.#failed.delete(spanId);
    this.#asked.delete(spanId);
    this.want([spanId]);
  }

  close(): void {
    this.#abort.abort();
    if (this.#timer !== null) clearTimeout(this.#timer);
  }

  async #fetch(): Promise<void> {
    this.#timer = null;
    if (this.#found.size > KEPT_MAX) {
      this.#found.clear();
      this.#asked.clear();
    }
    const ids = [...this.#wanted].slice(0, BATCH_MAX);
    this.#wanted = new Set([...this.#wanted].slice(BATCH_MAX));
    for (const id of ids) this.#asked.add(id);
    try {
      const found = await answer(
        api.POST('/api/v1/traces/{trace_id}/spans', {
          params: { path: { trace_id: this.#traceId } },
          body: { span_ids: ids },
          signal: this.#abort.signal,
        }),
      );
      for (const detail of spanDetails(found.resourceSpans)) {
        const id = detail.span.spanId.toLowerCase();
        const list = this.#found.get(id);
        if (list) list.push(detail);
        else this.#found.set(id, [detail]);
      }
      const lost = new Error('the server did not send this span');
      for (const id of ids) if (!this.#found.has(id)) this.#failed.set(id, lost);
    } catch (error) {
      if (this.#abort.signal.aborted) return;
      for (const id of ids) this.#failed.set(id, error);
    }
    this.epoch.value++;
    if (this.#wanted.size > 0) this.want([]);
  }
}
