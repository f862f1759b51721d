// Dragging over a stretch of time, shared by the overview and the time axis.

/** Pixels that a pointer must move before it counts as a drag. */
const DRAG_MIN = 4;

export interface Brush {
  /** Called while dragging, with both ends as shares of the width, in order. */
  move(from: number, to: number): void;
  /** Called at the end of a drag; not called for a mere click. */
  done(from: number, to: number): void;
  cancel(): void;
}

/** Follows a pointer from its down event; shares are 0..1 over the element. */
export function startBrush(event: PointerEvent, element: HTMLElement, brush: Brush): void {
  if (event.button !== 0) return;
  const box = element.getBoundingClientRect();
  const share = (x: number) => Math.min(1, Math.max(0, (x - box.left) / box.width));
  const first = share(event.clientX);
  const startX = event.clientX;
  let dragging = false;
  const ends = (e: PointerEvent): [number, number] => {
    const last = share(e.clientX);
    return first < last ? [first, last] : [last, first];
  };
  const onMove = (e: PointerEvent) => {
    dragging ||= Math.abs(e.clientX - startX) >= DRAG_MIN;
    if (dragging) brush.move(...ends(e));
  };
  const stop = (e: PointerEvent) => {
    element.removeEventListener('pointermove', onMove);
    element.removeEventListener('pointerup', stop);
    element.removeEventListener('pointercancel', stop);
    if (dragging && e.type === 'pointerup') brush.done(...ends(e));
    else brush.cancel();
  };
  // The pointer may have been released already when a script made the event.
  if (event.isTrusted) element.setPointerCapture(event.pointerId);
  element.addEventListener('pointermove', onMove);
  element.addEventListener('pointerup', stop);
  element.addEventListener('pointercancel', stop);
}
