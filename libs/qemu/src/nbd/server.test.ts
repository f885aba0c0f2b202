import assert from 'node:assert/strict';
import { mkdtemp, rename, rm, stat, writeFile } from 'node:fs/promises';
import { connect, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { silentLog } from '@godwit/base';
import type { NbdBackend, NbdExport } from './export.ts';
import { command, nbdLimits, option } from './protocol.ts';
import { serveNbd } from './server.ts';
import { clientFlags, decodeReplies, encodeOption, encodeRequest, exportChoice } from './test-client.ts';

const lengthBytes = 64 * 1024 * 1024;

describe('NBD server on its socket', () => {
  let folder: string;
  let count = 0;
  before(async () => {
    folder = await mkdtemp(join(tmpdir(), 'godwit-nbd-'));
  });
  after(() => rm(folder, { recursive: true }));

  /** Runs `use` with a client in the transmission phase (simple replies) of an export over `backend`. */
  async function withClient(backend: NbdBackend, use: (client: Client, socketPath: string) => Promise<void>, readOnly = true): Promise<void> {
    const socketPath = join(folder, `${(count += 1)}.sock`);
    const server = await serveNbd({ socketPath, log: silentLog, exports: [diskOver(backend, readOnly)] });
    const client = new Client(socketPath);
    try {
      client.socket.write(Buffer.concat([clientFlags(), encodeOption(option.exportName, Buffer.from('disk'))]));
      await client.until(18 + 10);
      client.received = [];
      await use(client, socketPath);
    } finally {
      client.socket.destroy();
      await server.close();
    }
  }

  test('requests are served side by side and answered as they are ready', async () => {
    const waiting: (() => void)[] = [];
    const backend = backendOf((_offset, bytes) => new Promise((resolve) => waiting.push(() => resolve(Buffer.alloc(bytes)))));
    await withClient(backend, async (client) => {
      for (const cookie of [1n, 2n, 3n]) client.socket.write(encodeRequest({ command: command.read, cookie, lengthBytes: 512 }));
      await eventually(() => waiting.length === 3);
      waiting[2]?.();
      await client.until(528);
      waiting[0]?.();
      await client.until(528 * 2);
      waiting[1]?.();
      const replies = decodeReplies(await client.until(528 * 3), 512);
      assert.deepEqual(replies.map(({ cookie }) => cookie), [3n, 1n, 2n]);
    });
  });

  test('no more than the limit is in flight, and the rest is served when there is room', async () => {
    const waiting: (() => void)[] = [];
    const backend = backendOf((_offset, bytes) => new Promise((resolve) => waiting.push(() => resolve(Buffer.alloc(bytes)))));
    await withClient(backend, async (client) => {
      const asked = nbdLimits.requestsInFlight * 3;
      for (let index = 0; index < asked; index += 1) client.socket.write(encodeRequest({ command: command.read, cookie: BigInt(index), lengthBytes: 1 }));
      await eventually(() => waiting.length >= nbdLimits.requestsInFlight);
      await sleep(50);
      assert.equal(waiting.length, nbdLimits.requestsInFlight);
      for (let index = 0; index < asked; index += 1) {
        await eventually(() => waiting.length > index);
        waiting[index]?.();
      }
      assert.equal(decodeReplies(await client.until(17 * asked), 1).length, asked);
    });
  });

  test('while the limit is in flight, nothing is taken in', async () => {
    await withClient(backendOf(() => new Promise(() => undefined)), async (client) => {
      const floodBytes = 8 * 1024 * 1024;
      const request = encodeRequest({ command: command.read, lengthBytes: 1 });
      client.socket.write(Buffer.alloc(floodBytes - (floodBytes % request.length), request));
      await sleep(200);
      assert.ok(client.socket.writableLength > floodBytes / 2, `${client.socket.writableLength} bytes are left`);
    });
  });

  test('large reads wait for bytes in flight, also those of other connections', async () => {
    const waiting: (() => void)[] = [];
    const backend = backendOf((_offset, bytes) => new Promise((resolve) => waiting.push(() => resolve(Buffer.alloc(bytes)))));
    await withClient(backend, async (client, socketPath) => {
      const second = new Client(socketPath);
      second.socket.write(Buffer.concat([clientFlags(), encodeOption(option.exportName, Buffer.from('disk'))]));
      await second.until(28);
      const large = encodeRequest({ command: command.read, lengthBytes: nbdLimits.requestBytes });
      client.socket.write(Buffer.concat([large, large, large]));
      await eventually(() => waiting.length === 2);
      second.socket.write(encodeRequest({ command: command.read, lengthBytes: 1 }));
      await sleep(50);
      assert.equal(waiting.length, 2);
      // The reply that leaves makes room for the other connection first, then for the third large read.
      waiting[0]?.();
      await eventually(() => waiting.length === 4);
      second.socket.destroy();
    });
  });

  test('a client that does not read its replies is not read from', async () => {
    let reads = 0;
    const backend = backendOf((_offset, bytes) => {
      reads += 1;
      return Promise.resolve(Buffer.alloc(bytes));
    });
    await withClient(backend, async (client) => {
      client.socket.pause();
      const request = encodeRequest({ command: command.read, lengthBytes: 1024 * 1024 });
      client.socket.write(Buffer.concat(Array.from({ length: 1000 }, () => request)));
      await sleep(200);
      assert.ok(reads <= nbdLimits.requestsInFlight + 4, `${reads} reads`);
    });
  });

  test('DISC lets what is in flight be answered, then closes', async () => {
    const waiting: (() => void)[] = [];
    const backend = backendOf((_offset, bytes) => new Promise((resolve) => waiting.push(() => resolve(Buffer.alloc(bytes)))));
    await withClient(backend, async (client) => {
      client.socket.write(Buffer.concat([encodeRequest({ command: command.read, lengthBytes: 8 }), encodeRequest({ command: command.disconnect })]));
      await eventually(() => waiting.length === 1);
      await sleep(20);
      assert.equal(client.closed, false);
      waiting[0]?.();
      assert.equal((await client.until(24)).length, 24);
      await eventually(() => client.closed);
    });
  });

  test('a client that goes away in the middle frees what it had in flight', async () => {
    let asked = 0;
    const backend = backendOf(async (_offset, bytes) => {
      asked += 1;
      await sleep(30);
      return Buffer.alloc(bytes);
    });
    await withClient(backend, async (client, socketPath) => {
      const large = encodeRequest({ command: command.read, lengthBytes: nbdLimits.requestBytes });
      client.socket.write(Buffer.concat([large, large]));
      await eventually(() => asked === 2);
      client.socket.destroy();
      const next = new Client(socketPath);
      next.socket.write(Buffer.concat([clientFlags(), encodeOption(option.exportName, Buffer.from('disk')), encodeRequest({ command: command.read, lengthBytes: 4 })]));
      assert.equal((await next.until(28 + 20)).length, 48);
      next.socket.destroy();
    });
  });

  test('garbage cuts off that client and no other', async () => {
    await withClient(backendOf((_offset, bytes) => Promise.resolve(Buffer.alloc(bytes))), async (client, socketPath) => {
      const hostile = new Client(socketPath);
      hostile.socket.write(Buffer.concat([clientFlags(), Buffer.alloc(100, 0xff)]));
      await eventually(() => hostile.closed);
      client.socket.write(encodeRequest({ command: command.read, lengthBytes: 4 }));
      await client.until(20);
    });
  });

  test('a client that does not finish its handshake in time is cut off, one at work is not', async () => {
    const socketPath = join(folder, 'slow.sock');
    const server = await serveNbd({ socketPath, log: silentLog, exports: [diskOver(backendOf((_offset, bytes) => Promise.resolve(Buffer.alloc(bytes))), true)], handshakeMs: 60 });
    const slow = new Client(socketPath);
    const quick = new Client(socketPath);
    quick.socket.write(Buffer.concat([clientFlags(), encodeOption(option.go, exportChoice('disk'))]));
    slow.socket.write(clientFlags().subarray(0, 3));
    await eventually(() => slow.closed);
    await sleep(60);
    assert.equal(quick.closed, false);
    await server.close();
    await eventually(() => quick.closed);
  });

  test('connections over the limit are closed at once', async () => {
    await withClient(backendOf((_offset, bytes) => Promise.resolve(Buffer.alloc(bytes))), async (_client, socketPath) => {
      const others = Array.from({ length: nbdLimits.connections }, () => new Client(socketPath));
      await eventually(() => others.some(({ closed }) => closed));
      assert.equal(others.filter(({ closed }) => closed).length, 1);
      for (const { socket } of others) socket.destroy();
    });
  });

  test('a path that is taken, too long or in no directory is refused by name', async () => {
    const file = join(folder, 'a-file');
    await writeFile(file, 'kept');
    for (const socketPath of [file, join(folder, 'x'.repeat(108)), join(folder, 'nowhere', 's.sock')]) {
      await assert.rejects(serveNbd({ socketPath, log: silentLog, exports: [] }), { code: 'NBD_SOCKET_UNUSABLE', subject: socketPath });
    }
  });

  test('a socket that a dead process left behind is replaced, and belongs to whom it should', async () => {
    const [first, left] = [join(folder, 'first.sock'), join(folder, 'left.sock')];
    const dead = await serveNbd({ socketPath: first, log: silentLog, exports: [] });
    await rename(first, left);
    await dead.close();
    assert.ok((await stat(left)).isSocket());
    // Only root may give a socket away.
    const own = process.getuid?.() ?? 0;
    const ownerUid = own === 0 ? 65534 : own;
    const server = await serveNbd({ socketPath: left, log: silentLog, exports: [], ownerUid });
    const { uid, mode } = await stat(left);
    assert.deepEqual([uid, mode & 0o777], [ownerUid, 0o600]);
    await server.close();
  });

  test('exports that make no sense are refused', async () => {
    const backend = backendOf((_offset, bytes) => Promise.resolve(Buffer.alloc(bytes)));
    const disk = diskOver(backend, true);
    for (const exports of [[disk, disk], [{ ...disk, lengthBytes: -1 }], [{ ...disk, lengthBytes: 1.5 }], [{ ...disk, name: 'n'.repeat(4097) }], [{ ...disk, readOnly: false }]]) {
      await assert.rejects(serveNbd({ socketPath: join(folder, 'never.sock'), log: silentLog, exports }), { code: 'VALUE_OUT_OF_RANGE' });
    }
  });
});

class Client {
  readonly socket: Socket;
  received: Buffer[] = [];
  closed = false;

  constructor(socketPath: string) {
    this.socket = connect(socketPath);
    this.socket.on('data', (bytes) => this.received.push(bytes));
    this.socket.on('close', () => (this.closed = true));
    this.socket.on('error', () => this.socket.destroy());
  }

  async until(bytes: number): Promise<Buffer> {
    await eventually(() => this.received.reduce((sum, piece) => sum + piece.length, 0) >= bytes);
    return Buffer.concat(this.received);
  }
}

function backendOf(read: NbdBackend['read']): NbdBackend {
  return { read, blockStatus: (_offsetBytes, bytes) => Promise.resolve([{ lengthBytes: bytes, zero: false }]) };
}

function diskOver(backend: NbdBackend, readOnly: boolean): NbdExport {
  return { name: 'disk', lengthBytes, readOnly, backend };
}

async function eventually(condition: () => boolean): Promise<void> {
  for (let turn = 0; turn < 500; turn += 1) {
    if (condition()) return;
    await sleep(5);
  }
  assert.fail(`never came true: ${condition.toString()}`);
}
