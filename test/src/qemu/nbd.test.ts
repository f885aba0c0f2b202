import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { access, mkdtemp, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { promisify } from 'node:util';
import { jsonLog, type Log } from '@godwit/base';
import { serveNbd, type NbdBackend, type NbdServer } from '@godwit/qemu';

// QEMU's own clients against our server: what they accept, the running desktop accepts.

const run = promisify(execFile);
const clusterBytes = 65536;
const imageBytes = 64 * clusterBytes;

/** A disk in memory that knows which of its clusters are zero, and counts what it was asked for. */
class MemoryDisk implements NbdBackend {
  readonly bytes: Buffer;
  readonly reads: { offsetBytes: number; lengthBytes: number }[] = [];
  flushes = 0;
  failing = false;

  constructor(bytes: Buffer) {
    this.bytes = bytes;
  }

  async read(offsetBytes: number, lengthBytes: number): Promise<Buffer> {
    if (this.failing) throw new Error('the store is out of reach');
    this.reads.push({ offsetBytes, lengthBytes });
    return Promise.resolve(Buffer.from(this.bytes.subarray(offsetBytes, offsetBytes + lengthBytes)));
  }

  async blockStatus(offsetBytes: number, lengthBytes: number): Promise<{ lengthBytes: number; zero: boolean }[]> {
    const runs: { lengthBytes: number; zero: boolean }[] = [];
    for (let at = offsetBytes; at < offsetBytes + lengthBytes; ) {
      const cluster = Math.floor(at / clusterBytes);
      const end = Math.min((cluster + 1) * clusterBytes, offsetBytes + lengthBytes);
      runs.push({ lengthBytes: end - at, zero: isZero(this.bytes.subarray(cluster * clusterBytes, (cluster + 1) * clusterBytes)) });
      at = end;
    }
    return Promise.resolve(runs);
  }

  async write(offsetBytes: number, bytes: Buffer): Promise<void> {
    this.bytes.set(bytes, offsetBytes);
    return Promise.resolve();
  }

  async writeZeroes(offsetBytes: number, lengthBytes: number): Promise<void> {
    this.bytes.fill(0, offsetBytes, offsetBytes + lengthBytes);
    return Promise.resolve();
  }

  async flush(): Promise<void> {
    this.flushes += 1;
    return Promise.resolve();
  }
}

describe('NBD server with QEMU 7.2 and newer as clients', () => {
  let folder: string;
  let socketPath: string;
  let server: NbdServer;
  let sparse: MemoryDisk;
  let writable: MemoryDisk;
  const logLines: string[] = [];
  const log: Log = jsonLog((line) => logLines.push(line), 'debug');
  const uri = (name: string): string => `nbd+unix:///${name}?socket=${socketPath}`;
  const qemuIo = (name: string, commands: string[], flags: string[] = ['-r']): Promise<{ stdout: string }> =>
    run('qemu-io', [...flags, '-f', 'raw', ...commands.flatMap((text) => ['-c', text]), uri(name)]);

  before(async () => {
    folder = await mkdtemp(join(tmpdir(), 'godwit-nbd-'));
    socketPath = join(folder, 'disks.sock');
    sparse = new MemoryDisk(randomSparseImage());
    writable = new MemoryDisk(Buffer.alloc(imageBytes));
    const readOnly = { lengthBytes: imageBytes, readOnly: true };
    server = await serveNbd({
      socketPath,
      log,
      exports: [
        { ...readOnly, name: 'sparse', backend: sparse },
        // An odd length: the last sector is not whole.
        { ...readOnly, name: 'odd', lengthBytes: imageBytes - 512 * 3, backend: sparse },
        { name: 'writable', lengthBytes: imageBytes, readOnly: false, backend: writable },
      ],
    });
    await writeFile(join(folder, 'sparse.raw'), sparse.bytes);
  });

  after(async () => {
    await server.close();
    await rm(folder, { recursive: true });
  });

  test('the socket is for its owner alone', async () => {
    assert.equal((await stat(socketPath)).mode & 0o777, 0o600);
  });

  test('qemu-img info reads the length of an export', async () => {
    const { stdout } = await run('qemu-img', ['info', '--output=json', uri('odd')]);
    assert.equal((JSON.parse(stdout) as { 'virtual-size': number })['virtual-size'], imageBytes - 512 * 3);
  });

  test('qemu-nbd lists the exports with size, flags and meta context', async () => {
    const { stdout } = await run('qemu-nbd', ['--list', '--socket', socketPath]);
    for (const text of ['exports available: 3', "export: 'sparse'", "export: 'writable'", 'base:allocation', 'multi', 'readonly', 'opt block: 65536', 'max block: 33554432']) {
      assert.ok(stdout.includes(text), `${text} in\n${stdout}`);
    }
  });

  test('an unknown export is refused by name', async () => {
    await assert.rejects(run('qemu-img', ['info', uri('nothing')]), /there is no export of this name|not present/);
  });

  test('qemu-io reads what the backend has, at any offset', async () => {
    const first = sparse.bytes.findIndex((byte) => byte !== 0);
    const cluster = Math.floor(first / clusterBytes) * clusterBytes;
    const pattern = Buffer.alloc(4096, 0xa7);
    sparse.bytes.set(pattern, cluster + 777);
    await writeFile(join(folder, 'sparse.raw'), sparse.bytes);
    await qemuIo('sparse', [`read -P 0xa7 ${cluster + 777} 4096`]);
    // qemu-io says a wrong pattern on its standard output and leaves with 1.
    await assert.rejects(qemuIo('sparse', [`read -P 0xa8 ${cluster + 777} 4096`]));
  });

  test('qemu-img compare finds the export equal to the file, and reads no hole to know it', async () => {
    sparse.reads.length = 0;
    await run('qemu-img', ['compare', '-f', 'raw', '-F', 'raw', join(folder, 'sparse.raw'), uri('sparse')]);
    for (const { offsetBytes, lengthBytes } of sparse.reads) {
      assert.ok(!isZero(sparse.bytes.subarray(offsetBytes, offsetBytes + lengthBytes)), `read of a hole at ${offsetBytes}`);
    }
    assert.ok(sparse.reads.length > 0);
  });

  test('qemu-img map sees exactly the zero clusters as holes', async () => {
    const { stdout } = await run('qemu-img', ['map', '-f', 'raw', '--output=json', uri('sparse')]);
    const seen = Buffer.alloc(imageBytes / clusterBytes);
    for (const { start, length, zero, data } of JSON.parse(stdout) as { start: number; length: number; zero: boolean; data: boolean }[]) {
      assert.equal(zero, !data);
      for (let at = start; at < start + length; at += clusterBytes) seen[at / clusterBytes] = zero ? 0 : 1;
    }
    const real = Buffer.from(Array.from(seen, (_, index) => (isZero(sparse.bytes.subarray(index * clusterBytes, (index + 1) * clusterBytes)) ? 0 : 1)));
    assert.deepEqual(seen, real);
  });

  test('qemu-img convert copies an export whose length is odd', async () => {
    const copy = join(folder, 'odd.qcow2');
    await run('qemu-img', ['convert', '-f', 'raw', '-O', 'qcow2', uri('odd'), copy]);
    await run('qemu-img', ['compare', '-f', 'qcow2', '-F', 'raw', copy, uri('odd')]);
  });

  test('a qcow2 overlay with the export as its backing file reads through it and keeps writes to itself', async () => {
    const overlay = join(folder, 'overlay.qcow2');
    await run('qemu-img', ['create', '-q', '-f', 'qcow2', '-b', uri('sparse'), '-F', 'raw', overlay]);
    await run('qemu-img', ['compare', '-f', 'qcow2', '-F', 'raw', overlay, uri('sparse')]);
    const original = Buffer.from(sparse.bytes);
    await run('qemu-io', ['-f', 'qcow2', '-c', 'write -P 0x5a 100k 3k', '-c', 'read -P 0x5a 100k 3k', overlay]);
    assert.deepEqual(sparse.bytes, original);
    await assert.rejects(run('qemu-img', ['compare', '-f', 'qcow2', '-F', 'raw', overlay, uri('sparse')]), { stdout: /Content mismatch/ });
  });

  test('writes, zeros, discards and flushes arrive', async () => {
    await qemuIo('writable', ['write -P 0x11 3000 70000', 'flush', 'write -z 64k 1k', 'read -P 0x11 3000 62536', 'read -P 0 64k 1k', 'discard 0 4k', 'write -f -P 0x22 1M 512'], []);
    assert.ok(writable.flushes >= 2, `${writable.flushes} flushes`);
    const expected = Buffer.alloc(imageBytes);
    expected.fill(0x11, 3000, 73000).fill(0, 65536, 66560).fill(0, 0, 4096).fill(0x22, 1024 * 1024, 1024 * 1024 + 512);
    assert.ok(writable.bytes.equals(expected));
  });

  test('qemu-img convert to a writable export, many requests at once', async () => {
    writable.bytes.fill(0);
    await run('qemu-img', ['convert', '-n', '-W', '-m', '16', '-f', 'raw', '-O', 'raw', join(folder, 'sparse.raw'), uri('writable')]);
    assert.ok(writable.bytes.equals(sparse.bytes));
  });

  test('a read-only export cannot be opened for writing', async () => {
    const before = Buffer.from(sparse.bytes);
    await assert.rejects(qemuIo('sparse', ['write -P 1 0 512'], []));
    assert.deepEqual(sparse.bytes, before);
  });

  test('a failing backend is an I/O error to the client, a line in the log, and the server lives on', async () => {
    sparse.failing = true;
    const cluster = Math.floor(sparse.bytes.findIndex((byte) => byte !== 0) / clusterBytes);
    await assert.rejects(qemuIo('sparse', [`read ${cluster * clusterBytes} 512`]), { stdout: /Input\/output error/ });
    sparse.failing = false;
    assert.ok(logLines.some((line) => line.includes('nbd-request-failed') && line.includes('the store is out of reach')));
    await qemuIo('sparse', [`read ${cluster * clusterBytes} 512`]);
  });

  test('close removes the socket and cuts clients off; a second server takes the path', async () => {
    const options = { socketPath: join(folder, 'second.sock'), log, exports: [{ name: 'x', lengthBytes: 512, readOnly: true, backend: new MemoryDisk(Buffer.alloc(512)) }] };
    const second = await serveNbd(options);
    await assert.rejects(serveNbd(options), { code: 'NBD_SOCKET_UNUSABLE' });
    await second.close();
    await assert.rejects(access(options.socketPath));
    await (await serveNbd(options)).close();
  });
});

function randomSparseImage(): Buffer {
  const image = Buffer.alloc(imageBytes);
  for (let at = 0; at < imageBytes; at += clusterBytes) if (randomBytes(1).readUInt8() < 100) image.set(randomBytes(clusterBytes), at);
  // At least one cluster of each kind.
  image.set(randomBytes(clusterBytes), 5 * clusterBytes);
  image.fill(0, 9 * clusterBytes, 10 * clusterBytes);
  return image;
}

function isZero(bytes: Buffer): boolean {
  return bytes.equals(Buffer.alloc(bytes.length));
}
