// Logs of a trace sorted to the rows they belong to, as times relative to the trace's start.
import type { LogRecord } from '../api/types.ts';
import type { TraceModel } from './trace-model.ts';

export interface LogTicks {
  /** Ticks of row r are [offset[r], offset[r+1]); those of a subtree are contiguous too. */
  readonly offset: Int32Array;
  readonly time: Float64Array;
  readonly severityNumber: Uint8Array;
}

/** The time a record is shown at: its own, else when it was observed. */
export function logTime(log: LogRecord): bigint {
  const time = BigInt(log.time_unix_nano);
  return time > 0n ? time : BigInt(log.observed_time_unix_nano);
}

export function logTicks(model: TraceModel, logs: readonly LogRecord[]): LogTicks {
  const placed: { row: number; time: number; severity: number }[] = [];
  for (const log of logs) {
    const row = log.span_id === null ? undefined : model.rowByKey.get(log.span_id);
    if (row === undefined) continue;
    const time = Number(logTime(log) - model.startUnixNano);
    placed.push({ row, time, severity: log.severity_number });
  }
  placed.sort((a, b) => a.row - b.row || a.time - b.time);
  const offset = new Int32Array(model.rowCount + 1);
  for (const tick of placed) offset[tick.row + 1]++;
  for (let row = 1; row < offset.length; row++) offset[row] += offset[row - 1];
  return {
    offset,
    time: Float64Array.from(placed, (t) => t.time),
    severityNumber: Uint8Array.from(placed, (t) => t.severity),
  };
}
