import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { after, before, describe, test } from 'node:test';
import { TcpProxy } from './tcp-proxy.ts';
import { failedAnswers, passingOf } from './toxics.ts';

const body = 'a whole answer, of a length that is known';

describe('the network between a host and its coordinator', () => {
  const asked: string[] = [];
  let server: Server;
  let proxy: TcpProxy;

  before(async () => {
    server = createServer((request, answer) => {
      let text = '';
      request.on('data', (chunk: Buffer) => (text += chunk.toString())).on('end', () => {
        asked.push(`${request.method} ${request.url} ${text}`);
        answer.writeHead(200, { 'content-length': body.length }).end(body);
      });
    }).listen(0, '127.0.0.1');
    await once(server, 'listening');
    proxy = await TcpProxy.before(`http://127.0.0.1:${(server.address() as AddressInfo).port}`);
  });
  after(async () => {
    await proxy.close();
    server.close();
    server.closeAllConnections();
  });

  /** Each of its own, so that one that comes late is not taken for the next. */
  let asks = 0;
  const ask = async (path = '/v1/desktops', text?: string): Promise<string> => {
    asks += 1;
    const answer = await fetch(`${proxy.url}${path}?ask=${asks}`, { signal: AbortSignal.timeout(400), ...(text === undefined ? {} : { method: 'POST', body: text }) });
    return `${answer.status} ${await answer.text()}`;
  };
  const outcome = async (path?: string, text?: string): Promise<[string, number]> => {
    const said = await ask(path, text).catch((error: unknown) => (error instanceof Error && error.name === 'TimeoutError' ? 'silence' : 'broken'));
    return [said, asked.filter((line) => line.includes(`?ask=${asks} `)).length];
  };

  test('lets pass what nobody wants spoilt, and knows routes and places', async () => {
    assert.deepEqual(await outcome('/v1/desktops', 'hello'), [`200 ${body}`, 1]);
    assert.deepEqual(asked, ['POST /v1/desktops?ask=1 hello']);
    const { route, place } = passingOf('POST', `/v1/desktops/${'a'.repeat(32)}/commits?x=1`, {});
    assert.deepEqual([route, place], ['commitCheckpoint', 'coordinator']);
    assert.deepEqual([passingOf('PUT', '/objects/a/b', {}).route, passingOf('PUT', '/objects/a/b', {}).place, passingOf('GET', '/nowhere', {}).route], ['putObject', 'store', undefined]);
  });

  test('does each thing to one request, and to no other', async () => {
    for (const [toxic, said, times] of [
      [{ kind: 'reset' }, 'broken', 0],
      [{ kind: 'silence' }, 'silence', 0],
      [{ kind: 'lost-answer' }, 'broken', 1],
      [{ kind: 'swallowed-answer' }, 'silence', 1],
      [{ kind: 'duplicate' }, `200 ${body}`, 2],
      [{ kind: 'delay', requestMs: 0, answerMs: 600 }, 'silence', 1],
      [{ kind: 'delay', requestMs: 600, answerMs: 0 }, 'silence', 0],
      [{ kind: 'half-request' }, 'broken', 0],
      [{ kind: 'half-answer' }, 'broken', 1],
      [{ kind: 'short-answer' }, `200 ${body.slice(0, body.length >> 1)}`, 1],
      [{ kind: 'throttle', bytesPerSecond: 20 }, 'silence', 1],
      [{ kind: 'pass' }, `200 ${body}`, 1],
      [failedAnswers['answers 503'], `503 ${failedAnswers['answers 503'].body}`, 0],
    ] as const) {
      const before = proxy.spoilt;
      void proxy.next('createDesktop', toxic);
      assert.deepEqual(await outcome('/v1/desktops', 'the body of a request'), [said, times], toxic.kind);
      assert.deepEqual([proxy.spoilt - before, await outcome()], [1, [`200 ${body}`, 1]], toxic.kind);
    }
  });

  test('cuts off one place or both, and is well again', async () => {
    proxy.cut('store');
    assert.deepEqual([await outcome('/objects/a'), await outcome()], [['broken', 0], [`200 ${body}`, 1]]);
    proxy.cut('coordinator', 'silence');
    assert.deepEqual([await outcome('/objects/a'), await outcome()], [[`200 ${body}`, 1], ['silence', 0]]);
    proxy.cut('both', 'swallowed-answer');
    assert.deepEqual([await outcome('/objects/a'), await outcome()], [['silence', 1], ['silence', 1]]);
    await proxy.refuse();
    assert.deepEqual(await outcome(), ['broken', 0]);
    await proxy.heal();
    assert.deepEqual([await outcome('/objects/a'), await outcome()], [[`200 ${body}`, 1], [`200 ${body}`, 1]]);
  });
});
