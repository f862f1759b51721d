import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { afterEach, expect, test, vi } from 'vitest';
import { answer, api, ApiError } from './client.ts';

afterEach(() => vi.unstubAllGlobals());

/** Puts an answer in the place of the network. Relative addresses need an origin outside a browser. */
function server(reply: () => Response | Promise<Response>): void {
  vi.stubGlobal('fetch', () => Promise.resolve().then(reply));
}

const status = () => answer(api.GET('/api/v1/status', { baseUrl: 'http://spandrel.test' }));

async function failure(): Promise<ApiError> {
  return status().then(
    () => expect.fail('the call succeeded'),
    (error: ApiError) => error,
  );
}

test('the types belong to the committed OpenAPI document', () => {
  const hash = createHash('sha256').update(readFileSync(new URL('../../../../query/openapi.json', import.meta.url))).digest('hex');
  const first = readFileSync(new URL('./schema.d.ts', import.meta.url), 'utf8').split('\n')[0];
  expect(first, 'query/openapi.json changed: npm ci && npm run generate in ui/web/tools').toContain(hash);
});

test('an answer is its data', async () => {
  server(() => Response.json({ version: '1.2.3' }));
  expect(await status()).toEqual({ version: '1.2.3' });
});

test('a refusal carries what the server said about it', async () => {
  server(() => Response.json({ error: { code: 'invalid_parameter', message: 'no such key', parameter: 'q' } }, { status: 400 }));
  const error = await failure();
  expect([error.status, error.code, error.message, error.parameter]).toEqual([400, 'invalid_parameter', 'no such key', 'q']);
});

test('a refusal by something in between still says what happened', async () => {
  server(() => new Response('<h1>Bad gateway</h1>', { status: 502, statusText: 'Bad Gateway' }));
  const error = await failure();
  expect([error.status, error.message]).toEqual([502, 'the server answered 502 Bad Gateway']);
});

test('silence is told from a refusal', async () => {
  server(() => Promise.reject(new TypeError('failed to fetch')));
  const error = await failure();
  expect([error.status, error.code]).toEqual([0, 'unreachable']);
});

test('an answer that is not JSON is an error, not data', async () => {
  server(() => new Response('{"version":', { status: 200 }));
  expect((await failure()).code).toBe('unreadable');
});

test('an aborted call stays an abort, so that nobody shows it as a failure', async () => {
  server(() => Promise.reject(new DOMException('aborted', 'AbortError')));
  await expect(status()).rejects.toMatchObject({ name: 'AbortError' });
});
