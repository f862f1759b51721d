// The whole trace in a strip: drag to zoom, drag the window to move it, its edges to resize, double-click to reset.
import { useEffect, useLayoutEffect, useRef, useState } from 'preact/hooks';
import { tokenPixels } from '../../components/canvas-colors.ts';
import { useSize } from '../../components/use-size.ts';
import { axisDuration } from '../../core/format.ts';
import { paintMinimap } from '../../core/minimap.ts';
import { axisTimes, clamp, full, isFull, toPixels, zoomAt } from '../../core/viewport.ts';
import { themeEpoch } from '../../prefs.ts';
import { startBrush } from './brush.ts';
import { useTrace } from './trace-state.ts';
import './overview.css';

const HEIGHT = 56;
const EDGE = 6;

export function Overview() {
  const state = useTrace();
  const { model, view } = state;
  const strip = useRef<HTMLDivElement>(null);
  const canvas = useRef<HTMLCanvasElement>(null);
  const { width } = useSize(strip);
  const [brush, setBrush] = useState<[number, number] | null>(null);
  const epoch = themeEpoch.value;

  useLayoutEffect(() => {
    const target = canvas.current;
    if (!target || width === 0) return;
    const ratio = Math.min(2, devicePixelRatio || 1);
    target.width = Math.round(width * ratio);
    target.height = Math.round(HEIGHT * ratio);
    const context = target.getContext('2d');
    if (!context) return;
    const slots = model.services.map((name) => `--service-${state.marks.get(name)?.slot ?? 0}`);
    const colors = tokenPixels([...slots, '--error']);
    const image = context.createImageData(target.width, target.height);
    const palette = { services: colors.subarray(0, slots.length), error: colors[slots.length] };
    paintMinimap(model, palette, new Uint32Array(image.data.buffer), target.width, target.height);
    context.putImageData(image, 0, 0);
  }, [model, width, epoch]);

  const whole = full(model.durationNano);
  const x = (time: number) => toPixels(whole, width, time);
  const zoomed = !isFull(view, model.durationNano);
  const [left, right] = [x(view.from), x(view.to)];

  useEffect(() => wheelZoom(strip.current, state), [state]);

  const onPointerDown = (event: PointerEvent) => {
    const element = strip.current as HTMLElement;
    const at = event.clientX - element.getBoundingClientRect().left;
    const onEdge = Math.abs(at - left) <= EDGE ? 'from' : Math.abs(at - right) <= EDGE ? 'to' : null;
    if (zoomed && onEdge) return drag(event, (time) => ({ ...view, [onEdge]: time }));
    if (zoomed && at > left && at < right) {
      const grip = ((at / width) * whole.to - view.from);
      return drag(event, (time) => ({ from: time - grip, to: time - grip + (view.to - view.from) }));
    }
    startBrush(event, element, {
      move: (from, to) => setBrush([from, to]),
      done: (from, to) => {
        setBrush(null);
        state.setView(clamp({ from: from * whole.to, to: to * whole.to }, model.durationNano));
      },
      cancel: () => setBrush(null),
    });
  };
  /** Moves or resizes the window with the pointer. */
  const drag = (event: PointerEvent, next: (time: number) => { from: number; to: number }) => {
    const element = strip.current as HTMLElement;
    const box = element.getBoundingClientRect();
    const move = (e: PointerEvent) => {
      const time = ((e.clientX - box.left) / box.width) * whole.to;
      const moved = next(time);
      if (moved.from < moved.to) state.setView(clamp(moved, model.durationNano));
    };
    const stop = () => element.removeEventListener('pointermove', move);
    element.setPointerCapture(event.pointerId);
    element.addEventListener('pointermove', move);
    element.addEventListener('pointerup', stop, { once: true });
    element.addEventListener('pointercancel', stop, { once: true });
  };

  return (
    <div class="overview">
      <div class="overview-times" aria-hidden="true">
        {axisTimes(whole, Math.max(2, Math.floor(width / 120)))
          .filter((time) => x(time) < width - 50)
          .map((time) => (
          <span key={time} style={{ left: `${x(time)}px` }}>
            {axisDuration(time)}
          </span>
          ))}
      </div>
      <div
        ref={strip}
        class="overview-strip"
        title="Drag to zoom, double-click to show all"
        onPointerDown={onPointerDown}
        onDblClick={() => state.setView(whole)}
      >
        <canvas ref={canvas} role="img" aria-label={`Overview of ${model.spanCount} spans over time`} />
        {zoomed && (
          <>
            <div class="overview-shade" style={{ left: 0, width: `${left}px` }} />
            <div class="overview-shade" style={{ left: `${right}px`, right: 0 }} />
            <div class="overview-window" style={{ left: `${left}px`, width: `${Math.max(2, right - left)}px` }} />
          </>
        )}
        {brush && (
          <div class="overview-brush" style={{ left: `${brush[0] * width}px`, width: `${(brush[1] - brush[0]) * width}px` }} />
        )}
      </div>
    </div>
  );
}

/** The wheel zooms at the pointer. A listener of its own, because only an active one may stop the scrolling. */
function wheelZoom(element: HTMLElement | null, state: ReturnType<typeof useTrace>): (() => void) | undefined {
  if (!element) return undefined;
  const onWheel = (event: WheelEvent) => {
    event.preventDefault();
    const box = element.getBoundingClientRect();
    const anchor = ((event.clientX - box.left) / box.width) * full(state.model.durationNano).to;
    state.setView(zoomAt(state.view, event.deltaY > 0 ? 1.25 : 0.8, anchor, state.model.durationNano));
  };
  element.addEventListener('wheel', onWheel, { passive: false });
  return () => element.removeEventListener('wheel', onWheel);
}
