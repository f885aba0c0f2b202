import assert from 'node:assert/strict';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { request, type IncomingMessage } from 'node:http';
import { createServer, type Server, type Socket } from 'node:net';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { WebSocket } from 'ws';
import { silentLog, systemClock, systemRandom } from '@godwit/base';
import { Admission } from './admission.ts';
import { pageFiles } from './page-files.ts';
import { frameBytesMax, PageServer } from './page-server.ts';
import { bridge } from './screen-bridge.ts';

/** A VNC server as the bridge sees one: a Unix socket that says something and hears what is said. */
class FakeScreen {
  readonly #server: Server;
  readonly path: string;
  readonly connections: Socket[] = [];

  constructor(path: string) {
    this.path = path;
    this.#server = createServer((socket) => void this.connections.push(socket.on('error', () => socket.destroy())));
  }

  async listen(): Promise<void> {
    this.#server.listen(this.path);
    await once(this.#server, 'listening');
  }

  async next(): Promise<Socket> {
    if (this.connections.length === 0) await once(this.#server, 'connection');
    return this.connections.shift()!;
  }

  close(): void {
    this.#server.close();
    for (const socket of this.connections) socket.destroy();
  }
}

describe('the page server', () => {
  const admission = new Admission(systemClock, systemRandom);
  const directory = mkdtempSync('/tmp/godwit-x-');
  const screen = new FakeScreen(join(directory, 'vnc'));
  let server: PageServer;

  before(async () => {
    await screen.listen();
    server = await PageServer.listen({ admission, files: pageFiles(), log: silentLog, onEntered: () => undefined, onStream: (stream, _view, socket) => (stream === 'screen' ? bridge(socket, screen.path, silentLog) : socket.send('state')) });
  });
  after(() => {
    admission.endAll();
    server.close();
    screen.close();
    rmSync(directory, { recursive: true });
  });

  async function get(url: string, headers: Record<string, string> = {}): Promise<{ answer: IncomingMessage; text: string }> {
    const asking = request(url, { headers });
    asking.end();
    const [answer] = (await once(asking, 'response')) as [IncomingMessage];
    return { answer, text: Buffer.concat(await answer.toArray()).toString() };
  }

  /** The address of a view's page, and the cookie that opens it. */
  async function enter(): Promise<{ page: string; origin: string; cookie: string }> {
    const { view, token } = admission.open('work');
    const url = server.urlOf(view, token);
    const { answer } = await get(url);
    assert.equal(answer.statusCode, 303);
    const [cookie = ''] = answer.headers['set-cookie'] ?? [];
    assert.match(cookie, new RegExp(`; Path=/${view.place}/; HttpOnly; SameSite=Lax$`));
    return { page: url.replace(/\?.*/, ''), origin: new URL(url).origin, cookie: cookie.replace(/;.*/, '') };
  }

  async function open(stream: string, { page, origin, cookie }: { page: string; origin: string; cookie: string }): Promise<WebSocket> {
    const socket = new WebSocket(new URL(stream, page.replace('http:', 'ws:')), { headers: { origin, cookie } });
    await once(socket, 'open');
    return socket;
  }

  async function refusalOf(stream: string, page: string, headers: Record<string, string>): Promise<number | undefined> {
    const socket = new WebSocket(new URL(stream, page.replace('http:', 'ws:')), { headers });
    const [, answer] = (await once(socket, 'unexpected-response')) as [unknown, IncomingMessage];
    answer.resume();
    return answer.statusCode;
  }

  test('serves the page and all of noVNC that it imports to whoever came by the link, under a strict policy', async () => {
    const { page, cookie } = await enter();
    const { answer, text } = await get(page, { cookie });
    assert.equal(answer.statusCode, 200);
    assert.match(text, /<script type="module" src="main.js">/);
    assert.match(String(answer.headers['content-security-policy']), /^default-src 'none'; script-src 'self'; style-src 'self';.*frame-ancestors 'none'$/);
    const seen = new Set<string>();
    const read = async (file: string): Promise<void> => {
      if (seen.has(file)) return;
      seen.add(file);
      const { answer: part, text: source } = await get(new URL(file, page).href, { cookie });
      assert.deepEqual([part.statusCode, part.headers['content-type']], [200, 'text/javascript; charset=utf-8'], file);
      for (const [, path] of source.matchAll(/^\s*(?:import|export)\b[^'"]*['"](\.[^'"]+)['"]/gm)) await read(new URL(path!, `file:///${file}`).pathname.slice(1));
    };
    await read('novnc/core/rfb.js');
    assert.ok(seen.size > 40 && seen.has('novnc/vendor/pako/lib/zlib/inflate.js'), [...seen].join(' '));
  });

  test('refuses the link the second time, a made-up one, and everything without the cookie', async () => {
    const { view, token } = admission.open('work');
    const url = server.urlOf(view, token);
    assert.equal((await get(url.replace(/.$/, (last) => (last === 'A' ? 'B' : 'A')))).answer.statusCode, 403);
    assert.equal((await get(url)).answer.statusCode, 303);
    const again = await get(url);
    assert.deepEqual([again.answer.statusCode, again.answer.headers['set-cookie']], [403, undefined]);
    for (const file of ['', 'main.js', 'novnc/core/rfb.js']) assert.equal((await get(new URL(file, url.replace(/\?.*/, '')).href)).answer.statusCode, 403);
    const { page, cookie } = await enter();
    assert.equal((await get(new URL('../../../etc/passwd', page).href, { cookie })).answer.statusCode, 403);
    assert.equal((await get(`${page}novnc/../../../package.json`, { cookie })).answer.statusCode, 403);
    assert.equal((await get(`${page}novnc/package.json`, { cookie })).answer.statusCode, 404);
  });

  test('refuses another name and another origin, of pages and of streams', async () => {
    const { page, origin, cookie } = await enter();
    assert.equal((await get(page, { cookie, host: 'godwit.evil.example' })).answer.statusCode, 421);
    assert.equal((await get(page, { cookie, origin: 'http://evil.example' })).answer.statusCode, 403);
    assert.equal(await refusalOf('screen', page, { cookie, origin: 'http://evil.example' }), 403);
    assert.equal(await refusalOf('screen', page, { cookie }), 403);
    assert.equal(await refusalOf('screen', page, { origin }), 403);
    assert.equal(await refusalOf('other', page, { cookie, origin }), 404);
  });

  test('carries bytes both ways, and either end ends the other', async () => {
    const entered = await enter();
    const viewer = await open('screen', entered);
    const vnc = await screen.next();
    vnc.write('RFB 003.008\n');
    const [first] = (await once(viewer, 'message')) as [Buffer];
    assert.equal(first.toString(), 'RFB 003.008\n');
    viewer.send(Buffer.from('keys'));
    const [heard] = (await once(vnc, 'data')) as [Buffer];
    assert.equal(heard.toString(), 'keys');
    vnc.end();
    await once(viewer, 'close');
    const second = await open('screen', entered);
    const other = await screen.next();
    second.close();
    other.resume();
    await once(other, 'close');
  });

  test('reads no more of a screen than its viewer takes', async () => {
    const viewer = await open('screen', await enter());
    const vnc = await screen.next();
    viewer.pause();
    const piece = Buffer.alloc(1 << 20);
    let [written, accepted] = [0, 0];
    while (written < 24) {
      written += 1;
      vnc.write(piece, () => (accepted += 1));
    }
    const settled = async (): Promise<number> => {
      for (let before = -1; before !== accepted; ) {
        before = accepted;
        await new Promise((resolve) => setTimeout(resolve, 150));
      }
      return accepted;
    };
    assert.ok((await settled()) < 16, `${accepted} MiB of 24 were taken from the screen while nobody looked`);
    const all = Promise.withResolvers<number>();
    let received = 0;
    viewer.on('message', (data: Buffer) => {
      received += data.length;
      if (received >= 24 << 20) all.resolve(received);
    });
    viewer.resume();
    assert.equal(await all.promise, 24 << 20);
    viewer.terminate();
  });

  test('ends a stream that sends a giant frame, and passes nothing of it on', async () => {
    const viewer = await open('screen', await enter());
    const vnc = await screen.next();
    let heard = 0;
    vnc.on('data', (chunk: Buffer) => (heard += chunk.length));
    viewer.send(Buffer.alloc(frameBytesMax + 1));
    const [code] = (await once(viewer, 'close')) as [number];
    assert.deepEqual([code, heard], [1009, 0]);
  });

  test('has room for a few windows of a view, and ends them with it', async () => {
    const entered = await enter();
    const windows = await Promise.all(Array.from({ length: 8 }, () => open('state', entered)));
    assert.equal(await refusalOf('state', entered.page, entered), 429);
    const ends = windows.map((socket) => once(socket, 'close'));
    admission.endAll();
    await Promise.all(ends);
    assert.equal(await refusalOf('state', entered.page, entered), 403);
  });
});
