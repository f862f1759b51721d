import { useLayoutEffect, useState } from 'preact/hooks';
import type { RefObject } from 'preact';

/** The content width and height of an element, following its changes. */
export function useSize(element: RefObject<HTMLElement | null>): { width: number; height: number } {
  const [size, setSize] = useState({ width: 0, height: 0 });
  useLayoutEffect(() => {
    const target = element.current;
    if (!target) return undefined;
    const measure = () =>
      setSize((old) => {
        const [width, height] = [target.clientWidth, target.clientHeight];
        return old.width === width && old.height === height ? old : { width, height };
      });
    measure();
    const observer = new ResizeObserver(measure);
    observer.observe(target);
    return () => observer.disconnect();
  }, []);
  return size;
}
