import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { readRequest, type PageRequest } from './page-request.ts';

const host = '127.0.0.1:4711';
const place = 'p'.repeat(32);
const token = 't'.repeat(32);
const get = (url: string, headers: PageRequest['headers'] = {}, method = 'GET'): PageRequest => ({ method, url, headers: { host, ...headers } });

describe('requests to the page of a screen', () => {
  test('a link, a file and a stream are what they say', () => {
    assert.deepEqual(readRequest(get(`/${place}/?token=${token}`), host, false), { kind: 'link', place, token });
    assert.deepEqual(readRequest(get(`/${place}/novnc/core/rfb.js`, { cookie: 'a=b; godwit-view=secret' }), host, false), { kind: 'file', place, file: 'novnc/core/rfb.js', cookie: 'secret' });
    assert.deepEqual(readRequest(get(`/${place}/screen`, { origin: `http://${host}`, cookie: 'godwit-view=secret', 'sec-fetch-site': 'same-origin' }), host, true), { kind: 'file', place, file: 'screen', cookie: 'secret' });
  });

  const refused: [string, PageRequest, boolean, number][] = [
    ['another name for this machine', get(`/${place}/`, { host: 'evil.example:4711' }), false, 421],
    ['localhost, which is not what it was told', get(`/${place}/`, { host: 'localhost:4711' }), false, 421],
    ['another port', get(`/${place}/`, { host: '127.0.0.1:80' }), false, 421],
    ['no name', { method: 'GET', url: `/${place}/`, headers: {} }, false, 421],
    ['another page that reads', get(`/${place}/`, { origin: 'http://evil.example' }), false, 403],
    ['another port of this machine', get(`/${place}/screen`, { origin: 'http://127.0.0.1:4712' }), true, 403],
    ['a page without an origin', get(`/${place}/screen`, { origin: 'null' }), true, 403],
    ['a stream that says not where it comes from', get(`/${place}/screen`), true, 403],
    ['a stream that a browser calls foreign', get(`/${place}/screen`, { origin: `http://${host}`, 'sec-fetch-site': 'same-site' }), true, 403],
    ['a post', get(`/${place}/?token=${token}`, {}, 'POST'), false, 405],
    ['an endless address', get(`/${place}/${'a'.repeat(600)}`), false, 414],
    ['no place', get('/'), false, 403],
    ['a place that cannot be', get('/short/'), false, 403],
    ['an encoded path', get(`/${place}/%2e%2e/secret`), false, 403],
  ];
  for (const [what, request, webSocket, status] of refused) {
    test(`refused: ${what}`, () => {
      const asked = readRequest(request, host, webSocket);
      assert.equal(asked.kind === 'refused' ? asked.status : asked.kind, status);
    });
  }

  test('a link is no link to a stream, and two cookies are none', () => {
    assert.equal(readRequest(get(`/${place}/?token=${token}`, { origin: `http://${host}` }), host, true).kind, 'file');
    const asked = readRequest(get(`/${place}/`, { cookie: 'godwit-view=one; godwit-view=two' }), host, false);
    assert.equal(asked.kind === 'file' ? asked.cookie : '?', undefined);
  });
});
