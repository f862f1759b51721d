// What a page shows instead of data: an empty state or an error. It says what happened and what to do.
import type { ComponentChildren } from 'preact';
import { ApiError } from '../api/client.ts';
import './notice.css';

export function Notice(props: { title: string; children?: ComponentChildren; actions?: ComponentChildren; alert?: boolean }) {
  return (
    <section class="notice" role={props.alert ? 'alert' : undefined}>
      <h2>{props.title}</h2>
      <div class="notice-body">{props.children}</div>
      {props.actions && <div class="notice-actions">{props.actions}</div>}
    </section>
  );
}

/** A failed request: what failed, what the server said, what to do. */
export function Failure(props: { what: string; error: unknown; retry?: () => void }) {
  const error = props.error;
  const status = error instanceof ApiError ? error.status : null;
  const retry = props.retry && (
    <button type="button" class="button" onClick={props.retry}>
      Try again
    </button>
  );
  if (status === 0) {
    return (
      <Notice alert title="Spandrel does not answer" actions={retry}>
        {props.what} could not be loaded, because no answer came from {location.host}. What was on screen before may be out
        of date. Check that the server is running.
      </Notice>
    );
  }
  const message = error instanceof Error ? error.message : String(error);
  const parameter = error instanceof ApiError ? error.parameter : null;
  return (
    <Notice alert title={`${props.what} could not be loaded`} actions={status !== 400 ? retry : undefined}>
      {parameter === 'q' ? 'The query is not understood: ' : 'The server says: '}
      <code>{message}</code>
      {status === 503 || status === 429 ? '. It is busy; try again in a moment.' : ''}
    </Notice>
  );
}
