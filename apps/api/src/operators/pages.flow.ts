import { deepEqual, equal, match, ok, rejects } from 'node:assert/strict';
import { once } from 'node:events';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { request } from 'node:http';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import express from 'express';
import type { WebSocket } from 'ws';
import type { FaultCode } from '@godwit/base';
import { closeCodes, operatorMessage, sessionEndedCode, type OperatorMessage, type RouteId } from '@godwit/wire';
import { firstAdmin, TestBrowser } from '../testing/browser.ts';
import { raiseStage, type Stage } from '../testing/stage.ts';
import { OwnOrigin } from './own-origin.ts';
import { servePages } from './pages.ts';

const refused = (code: FaultCode): { code: FaultCode } => ({ code });

describe("operators' pages", () => {
  let stage: Stage;
  let admin: TestBrowser;

  before(async () => {
    stage = await raiseStage();
    admin = await firstAdmin(stage.coordinator);
  });
  after(() => stage[Symbol.asyncDispose]());

  test('another site can ask for nothing, whatever cookie its visitor has', async () => {
    const asked: RouteId[] = ['beginSignIn', 'signIn', 'beginEnrol', 'enrolOperator', 'signOut', 'inviteOperator', 'operatorTicket'];
    const foreign: Record<string, string>[] = [{ origin: 'https://evil.example' }, { origin: 'null' }, { origin: stage.coordinator.url }, { 'sec-fetch-site': 'cross-site' }, { 'sec-fetch-site': 'same-site' }];
    for (const id of asked) {
      for (const headers of foreign) {
        await rejects(admin.ask(id, { body: {} }, headers), refused('ORIGIN_REFUSED'), `${id} ${JSON.stringify(headers)}`);
      }
    }
    for (const id of ['readSession', 'listSessions', 'signInWays'] as const) {
      await rejects(admin.ask(id, {}, { origin: 'https://evil.example' }), refused('ORIGIN_REFUSED'));
      await rejects(admin.ask(id, {}, { 'sec-fetch-site': 'cross-site' }), refused('ORIGIN_REFUSED'));
    }
    equal((await admin.ask('readSession')).operator.name, 'Ada');
  });

  test('a flood of visitors is stopped by address, and does not sign anybody out', async () => {
    await using small = await raiseStage({ rates: { perAddress: { burst: 6, perSecond: 0.001 }, inTotal: { burst: 1000, perSecond: 1 } } });
    const ada = await firstAdmin(small.coordinator);
    const statuses = [];
    for (let count = 0; count < 6; count += 1) statuses.push((await new TestBrowser(small.coordinator).send('beginSignIn', { body: {} })).status);
    deepEqual(statuses, [200, 200, 200, 200, 429, 429]);
    await rejects(new TestBrowser(small.coordinator).ask('beginEnrol', { body: { code: 'AAAA-AAAA-AAAA-AAAA', name: 'x' } }), refused('RATE_LIMITED'));
    equal((await ada.ask('readSession')).operator.name, 'Ada');
  });

  test('a ticket opens one stream, from an own page; news come in order, and the end of the session ends it', async () => {
    const clerk = await admin.bring('Clerk', 'viewer');
    const { ticket } = await clerk.ask('operatorTicket');
    const socket = clerk.socket(ticket);
    const heard: OperatorMessage[] = [];
    socket.on('message', (bytes: Buffer) => heard.push(operatorMessage.parse(JSON.parse(bytes.toString()))));
    await once(socket, 'message');
    deepEqual(heard.map(({ type }) => type), ['hello']);
    equal(await refusalOf(clerk.socket(ticket)), 'TICKET_REFUSED');
    equal(await refusalOf(clerk.socket('ab'.repeat(16))), 'TICKET_REFUSED');
    for (const origin of ['https://evil.example', stage.coordinator.url, 'null']) {
      const { ticket: another } = await clerk.ask('operatorTicket');
      equal(await refusalOf(clerk.socket(another, origin)), 'ORIGIN_REFUSED', origin);
    }
    const closed = once(socket, 'close');
    const unused = await clerk.ask('operatorTicket');
    const { sessionId } = await clerk.ask('readSession');
    await admin.ask('endSession', { params: { sessionId } });
    deepEqual((await closed)[0], sessionEndedCode);
    equal(await refusalOf(clerk.socket(unused.ticket)), 'TICKET_REFUSED', 'a ticket of a session that has ended');
  });

  test('a removed operator is cut off at once; a page that talks is cut', async () => {
    const gone = await admin.bring('Gone', 'viewer');
    const socket = gone.socket((await gone.ask('operatorTicket')).ticket);
    await once(socket, 'message');
    const closed = once(socket, 'close');
    await admin.ask('removeOperator', { params: { operatorId: (await gone.ask('readSession')).operator.operatorId } });
    deepEqual((await closed)[0], sessionEndedCode);
    const talking = admin.socket((await admin.ask('operatorTicket')).ticket);
    await once(talking, 'message');
    const cut = once(talking, 'close');
    talking.send('hello');
    deepEqual((await cut)[0], closeCodes.notAllowed);
  });
});

test('the dashboard is served under a strict policy, by name, and says when it is not built', async () => {
  const folder = mkdtempSync('/tmp/godwit-pages-');
  mkdirSync(join(folder, 'page/assets'), { recursive: true });
  writeFileSync(join(folder, 'page/index.html'), '<!doctype html><title>Godwit</title>');
  writeFileSync(join(folder, 'page/assets/a-1.js'), 'x;'.repeat(5000));
  writeFileSync(join(folder, 'secret'), 'secret');
  const origin = new OwnOrigin(undefined);
  const app = express().use(servePages(origin, join(folder, 'page/')));
  const server = app.listen(0, '127.0.0.1');
  const bare = express().use(servePages(new OwnOrigin('https://godwit.example'), join(folder, 'none/'))).listen(0, '127.0.0.1');
  await Promise.all([once(server, 'listening'), once(bare, 'listening')]);
  const port = (server.address() as { port: number }).port;
  origin.listensOn(port);
  const get = (path: string, host = `localhost:${port}`, at = port) => asked(at, path, host);
  try {
    for (const path of ['/dashboard/', '/dashboard/hosts', '/dashboard/desktops/ab.cd/x', '/dashboard/index.html', '/dashboard/../secret', '/dashboard/..%2fsecret', '/dashboard/%2e%2e/secret']) {
      const { status, headers, text } = await get(path);
      equal(status, 200, path);
      equal(text, '<!doctype html><title>Godwit</title>', path);
      const policy = headers['content-security-policy'] ?? '';
      match(policy as string, /^default-src 'none'; script-src 'self'; style-src 'self'; .*frame-ancestors 'none'$/);
      ok(!/unsafe|\*|data:|blob:|http/.test(policy as string));
      deepEqual([headers['x-frame-options'], headers['referrer-policy'], headers['cache-control']], ['DENY', 'same-origin', undefined]);
    }
    const script = await get('/dashboard/assets/a-1.js');
    deepEqual([script.status, script.headers['content-type'], script.headers['cache-control']], [200, 'text/javascript; charset=utf-8', 'public, max-age=31536000, immutable']);
    equal((await get('/dashboard/assets/a-2.js')).status, 404);
    deepEqual([(await get('/')).status, (await get('/')).headers.location], [307, '/dashboard/']);
    for (const host of [`127.0.0.1:${port}`, `[::1]:${port}`]) {
      deepEqual((await get('/dashboard/hosts?x=1', host)).headers.location, `http://localhost:${port}/dashboard/hosts?x=1`);
      deepEqual((await get('/', host)).headers.location, `http://localhost:${port}/dashboard/`);
    }
    equal((await get('/v1/anything')).status, 404);
    const missing = await get('/dashboard/', '127.0.0.1', (bare.address() as { port: number }).port);
    deepEqual([missing.status, missing.text.includes('not built')], [503, true]);
  } finally {
    server.close();
    bare.close();
    rmSync(folder, { recursive: true });
  }
});

async function refusalOf(socket: WebSocket): Promise<string> {
  const [, response] = (await once(socket, 'unexpected-response')) as [unknown, { statusMessage?: string }];
  return response.statusMessage ?? '';
}

/** As it is written, without a browser's tidying of paths. */
async function asked(port: number, path: string, host: string): Promise<{ status: number; headers: NodeJS.Dict<string | string[]>; text: string }> {
  const sent = request({ port, host: '127.0.0.1', path, headers: { host } }).end();
  const [response] = (await once(sent, 'response')) as [AsyncIterable<Buffer> & { statusCode: number; headers: NodeJS.Dict<string | string[]> }];
  const pieces: Buffer[] = [];
  for await (const piece of response) pieces.push(piece);
  return { status: response.statusCode, headers: response.headers, text: Buffer.concat(pieces).toString() };
}
