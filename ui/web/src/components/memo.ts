import { Component, h, type ComponentType } from 'preact';

/** Renders again only when a property changed, or a context or signal that the component reads. */
export function memo<P extends object>(Inner: ComponentType<P>): ComponentType<P> {
  return class Memo extends Component<P> {
    override shouldComponentUpdate(next: Readonly<P>): boolean {
      const now = this.props as Readonly<P>;
      return (Object.keys(next) as (keyof P)[]).some((key) => next[key] !== now[key]);
    }

    override render() {
      return h(Inner, this.props as P);
    }
  };
}
