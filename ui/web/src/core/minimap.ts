// Paints a whole trace into a pixel buffer: each row a line in its service's colour. Errors are painted last and
// at least two pixels wide, so that none is lost however dense the trace is.
import { FLAG_ERROR, type TraceModel } from './trace-model.ts';

export interface Palette {
  /** ABGR words by service index. */
  readonly services: Uint32Array;
  readonly error: number;
}

/** Rows of a small trace are not drawn taller than this. */
const LANE_MAX = 10;

export function paintMinimap(
  model: TraceModel,
  palette: Palette,
  pixels: Uint32Array,
  width: number,
  height: number,
): void {
  pixels.fill(0);
  const rows = model.rowCount;
  if (rows === 0) return;
  const scale = width / Math.max(1, model.durationNano);
  // Few rows become thick lines with a gap, many share lines; either way the height is used.
  const lane = Math.min(LANE_MAX, height / rows);
  const thick = lane >= 3 ? Math.floor(lane) - 1 : Math.max(1, Math.round(lane));
  const paint = (row: number, color: number, atLeast: number) => {
    const y = Math.min(height - thick, Math.floor(row * lane));
    const x = Math.min(width - atLeast, Math.floor(model.start[row] * scale));
    const end = Math.min(width, Math.max(x + atLeast, Math.ceil(model.end[row] * scale)));
    for (let line = y; line < y + thick; line++) pixels.fill(color, line * width + x, line * width + end);
  };
  for (let row = 0; row < rows; row++) {
    if (model.service[row] >= 0) paint(row, palette.services[model.service[row]], 1);
  }
  for (let row = 0; row < rows; row++) if (model.flags[row] & FLAG_ERROR) paint(row, palette.error, 2);
}
