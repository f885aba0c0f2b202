import assert from 'node:assert/strict';
import { once } from 'node:events';
import { request, type IncomingMessage } from 'node:http';
import { WebSocket } from 'ws';
import type { ViewState } from '@godwit/wire';

/** The page of `godwit view` as a browser uses it: the link once, then streams with the cookie. */
export class ScreenPage {
  readonly #page: string;
  readonly #headers: { readonly origin: string; readonly cookie: string };

  private constructor(page: string, headers: { origin: string; cookie: string }) {
    this.#page = page;
    this.#headers = headers;
  }

  static async enter(link: string): Promise<ScreenPage> {
    const asking = request(link);
    asking.end();
    const [answer] = (await once(asking, 'response')) as [IncomingMessage];
    answer.resume();
    assert.equal(answer.statusCode, 303, `the link ${link}`);
    const cookie = (answer.headers['set-cookie']?.[0] ?? '').replace(/;.*/, '');
    return new ScreenPage(link.replace(/\?.*/, ''), { origin: new URL(link).origin, cookie });
  }

  /** What the page is told from now on. */
  async watch(): Promise<ScreenWatch> {
    const socket = this.#open('state');
    const watch = new ScreenWatch(socket);
    await watch.until(() => true);
    return watch;
  }

  /** One whole picture by way of a VNC handshake, as 4 bytes a pixel. */
  async picture(): Promise<{ width: number; height: number; pixels: Buffer }> {
    const socket = this.#open('screen');
    const reader = new MessageReader(socket);
    const send = (...bytes: number[]): void => socket.send(Buffer.from(bytes));
    assert.equal((await reader.take(12)).toString(), 'RFB 003.008\n');
    socket.send(Buffer.from('RFB 003.008\n'));
    const types = await reader.take((await reader.take(1))[0]!);
    assert.ok(types.includes(1), 'no password: the socket is what keeps others out');
    send(1);
    assert.equal((await reader.take(4)).readUInt32BE(), 0);
    send(1);
    const hello = await reader.take(24);
    const [width, height] = [hello.readUInt16BE(0), hello.readUInt16BE(2)];
    await reader.take(hello.readUInt32BE(20));
    // Raw pixels alone, all of the screen, whether it changed or not.
    send(2, 0, 0, 1, 0, 0, 0, 0);
    send(3, 0, 0, 0, 0, 0, width >> 8, width & 255, height >> 8, height & 255);
    const head = await reader.take(4);
    assert.equal(head[0], 0);
    const pixels = Buffer.alloc(width * height * 4);
    for (let count = head.readUInt16BE(2); count > 0; count -= 1) {
      const rectangle = await reader.take(12);
      const [x, y, w, h] = [0, 2, 4, 6].map((at) => rectangle.readUInt16BE(at)) as [number, number, number, number];
      assert.equal(rectangle.readInt32BE(8), 0);
      const rows = await reader.take(w * h * 4);
      for (let row = 0; row < h; row += 1) rows.copy(pixels, ((y + row) * width + x) * 4, row * w * 4, (row + 1) * w * 4);
    }
    socket.close();
    return { width, height, pixels };
  }

  #open(stream: string): WebSocket {
    return new WebSocket(new URL(stream, this.#page.replace('http:', 'ws:')), { headers: this.#headers });
  }
}

/** What an agent tells an open page. */
export class ScreenWatch {
  readonly states: ViewState[] = [];
  readonly #socket: WebSocket;

  constructor(socket: WebSocket) {
    this.#socket = socket;
    socket.on('message', (data: Buffer) => this.states.push(JSON.parse(data.toString()) as ViewState));
  }

  /** The newest state as soon as `accepts` it. */
  async until(accepts: (state: ViewState) => boolean): Promise<ViewState> {
    for (let newest = this.states.at(-1); ; newest = this.states.at(-1)) {
      if (newest !== undefined && accepts(newest)) return newest;
      await once(this.#socket, 'message', { signal: AbortSignal.timeout(30_000) });
    }
  }

  [Symbol.dispose](): void {
    this.#socket.close();
  }
}

class MessageReader {
  #bytes = Buffer.alloc(0);
  readonly #socket: WebSocket;

  constructor(socket: WebSocket) {
    this.#socket = socket;
    socket.on('message', (data: Buffer) => (this.#bytes = Buffer.concat([this.#bytes, data])));
  }

  async take(lengthBytes: number): Promise<Buffer> {
    while (this.#bytes.length < lengthBytes) await once(this.#socket, 'message', { signal: AbortSignal.timeout(30_000) });
    const taken = this.#bytes.subarray(0, lengthBytes);
    this.#bytes = this.#bytes.subarray(lengthBytes);
    return taken;
  }
}
