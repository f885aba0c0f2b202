import assert from 'node:assert/strict';
import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { createImage, imageBytes, importImage, mapImage, mergeImages, type Extent } from './image-tool.ts';

const cluster = 65_536;
const mebibyte = 2 ** 20;
const unusable = { code: 'IMAGE_UNUSABLE' };

describe('images, with the real qemu-img', () => {
  let directory = '';
  let files = 0;
  before(() => { directory = mkdtempSync(join(tmpdir(), 'godwit-image-')); });
  after(() => rmSync(directory, { recursive: true }));

  const fresh = (): string => join(directory, `image-${(files += 1)}`);
  const qemuImg = (...argv: readonly string[]): string => execFileSync('qemu-img', argv, { encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'] });
  function qemuIo(image: string, ...commands: readonly string[]): void {
    execFileSync('qemu-io', [...commands.flatMap((command) => ['-c', command]), image], { stdio: ['ignore', 'pipe', 'pipe'] });
  }

  /** The first bytes of the disk as a guest sees them. */
  function content(image: string): Buffer {
    const raw = fresh();
    qemuImg('convert', '-O', 'raw', image, raw);
    return readFileSync(raw);
  }

  /** What the extents say, one letter a cluster: `.` nothing, `0` zero, else the byte in the image file where its data lies. */
  function clusters(image: string, extents: readonly Extent[]): string {
    const file = readFileSync(image);
    return extents.map(({ startBytes, lengthBytes, present, zero, offsetBytes }) => {
      assert.deepEqual([startBytes % cluster, lengthBytes % cluster], [0, 0]);
      assert.equal(offsetBytes !== undefined, present && !zero);
      return Array.from({ length: lengthBytes / cluster }, (_, index) => (present ? (offsetBytes === undefined ? '0' : String.fromCharCode(file[offsetBytes + index * cluster]!)) : '.')).join('');
    }).join('');
  }

  test('images that lie on each other become the lowest, and what they say stays the same', async () => {
    const paths = [fresh(), fresh(), fresh()];
    for (const path of paths) await createImage(path, 8 * cluster);
    const chain = (count: number): string => `json:${JSON.stringify(paths.slice(0, count).reduce<unknown>((backing, filename) => ({ driver: 'qcow2', file: { driver: 'file', filename }, backing }), null))}`;
    qemuIo(paths[0]!, 'write -P 0x61 0 256k');
    qemuIo(chain(2), 'write -P 0x62 64k 64k', 'write -z 128k 64k', 'write -P 0x62 320k 1k');
    qemuIo(chain(3), 'write -P 0x63 192k 1k');
    const before = content(chain(3));
    await mergeImages(paths.map((path) => ({ path, format: 'qcow2' })));
    assert.deepEqual(content(paths[0]!), before);
    assert.deepEqual(content(chain(3)), before);
    // A zero stays a zero of its own: it hides what is below all of them.
    assert.equal(clusters(paths[0]!, await mapImage(paths[0]!, 'qcow2')), 'ab0c.b..');
    await mergeImages([{ path: paths[0]!, format: 'qcow2' }]);
  });

  test('a new one is an empty qcow2 of 64 KiB clusters that names no other: the first of its length, and each that is a copy of it', async () => {
    for (const lengthBytes of [3 * mebibyte, 3 * mebibyte, 5 * mebibyte, 3 * mebibyte]) {
      const path = fresh();
      await createImage(path, lengthBytes);
      const info = JSON.parse(qemuImg('info', '--output=json', path)) as Record<string, unknown>;
      assert.deepEqual([info['format'], info['virtual-size'], info['cluster-size'], info['backing-filename']], ['qcow2', lengthBytes, cluster, undefined]);
      assert.equal(await imageBytes(path), lengthBytes);
      assert.deepEqual(await mapImage(path, 'qcow2'), [{ startBytes: 0, lengthBytes, present: false, zero: true, offsetBytes: undefined }]);
      // What becomes of one is not in the next.
      qemuIo(path, 'write -P 0x61 0 64k');
    }
    await assert.rejects(createImage(join(directory, 'none', 'image'), 3 * mebibyte), { code: 'ENOENT' });
  });

  test('maps what was written, what was zeroed, and what it says nothing about', async () => {
    const path = fresh();
    await createImage(path, 16 * cluster);
    qemuIo(path, 'write -P 0x61 0 64k', 'write -P 0x62 128k 128k', 'write -z 320k 128k', 'write -P 0x63 512k 64k', 'write -z 512k 64k', 'write -P 0x64 960k 64k');
    assert.equal(clusters(path, await mapImage(path, 'qcow2')), 'a.bb.00.0......d');
  });

  test('an overlay that got its backing only when it was opened hides it with zeros, and keeps discards', async () => {
    const [base, overlay] = [fresh(), fresh()];
    await createImage(base, 8 * cluster);
    await createImage(overlay, 8 * cluster);
    qemuIo(base, 'write -P 0x61 0 512k');
    const opened = { driver: 'qcow2', discard: 'unmap', file: { driver: 'file', filename: overlay }, backing: { driver: 'qcow2', file: { driver: 'file', filename: base } } };
    // The last write fills only a part of its cluster: the rest of it comes from below.
    qemuIo(`json:${JSON.stringify(opened)}`, 'write -P 0x62 64k 64k', 'write -z 128k 64k', 'write -z -u 192k 64k', 'write -P 0x63 256k 64k', 'discard 256k 64k', 'discard 320k 64k', 'write -P 0x64 450k 1k');
    assert.equal(clusters(overlay, await mapImage(overlay, 'qcow2')), '.b00' + '00.a');
  });

  test('may be mapped while QEMU has it open', async () => {
    const path = fresh();
    await createImage(path, cluster);
    const holder = spawn('qemu-io', [path], { stdio: ['pipe', 'pipe', 'ignore'] });
    const exited = once(holder, 'exit');
    try {
      holder.stdin.write('write -P 0x61 0 64k\nflush\nlength\n');
      let said = '';
      for await (const chunk of holder.stdout as AsyncIterable<Buffer>) {
        said += chunk.toString();
        if (/^(qemu-io> )*64 KiB/m.test(said)) break;
      }
      assert.throws(() => qemuImg('map', path), /lock/);
      assert.equal(clusters(path, await mapImage(path, 'qcow2')), 'a');
    } finally {
      holder.stdin.end();
      await exited;
    }
  });

  for (const format of ['raw', 'qcow2'] as const) {
    test(`takes a ${format} image into a larger disk, with all it holds`, async () => {
      const [from, to] = [fresh(), fresh()];
      qemuImg('create', '-q', '-f', format, from, String(2 * cluster));
      execFileSync('qemu-io', ['-f', format, '-c', 'write -P 0x61 64k 64k', from], { stdio: 'ignore' });
      assert.equal(await imageBytes(from), 2 * cluster);
      await importImage(from, to, 4 * mebibyte);
      assert.equal(await imageBytes(to), 4 * mebibyte);
      const expected = Buffer.alloc(4 * mebibyte);
      expected.fill(0x61, cluster, 2 * cluster);
      assert.ok(content(to).equals(expected));
      assert.equal(clusters(to, await mapImage(to, 'qcow2')), `.a${'.'.repeat(62)}`);
    });

    test(`takes a ${format} image of just the size of the disk, and refuses a larger one with the next step`, async () => {
      const [from, to] = [fresh(), fresh()];
      qemuImg('create', '-q', '-f', format, from, String(2 * mebibyte));
      await importImage(from, to, 2 * mebibyte);
      assert.equal(await imageBytes(to), 2 * mebibyte);
      await assert.rejects(importImage(from, fresh(), 2 * mebibyte - 512), { ...unusable, subject: from, found: `${2 * mebibyte} bytes`, hint: 'give a larger --disk' });
    });
  }

  test('takes a compressed image, and maps none', async () => {
    const [plain, compressed, to] = [fresh(), fresh(), fresh()];
    await createImage(plain, mebibyte);
    qemuIo(plain, 'write -P 0x61 0 64k');
    qemuImg('convert', '-c', '-O', 'qcow2', plain, compressed);
    await assert.rejects(mapImage(compressed, 'qcow2'), unusable);
    await importImage(compressed, to, mebibyte);
    assert.equal(clusters(to, await mapImage(to, 'qcow2')), `a${'.'.repeat(15)}`);
  });

  test('refuses an image that names another file: it could be any of this host', async () => {
    const [secret, overlay, outside] = [fresh(), fresh(), fresh()];
    writeFileSync(secret, Buffer.alloc(cluster, 's'));
    qemuImg('create', '-q', '-f', 'qcow2', '-b', secret, '-F', 'raw', overlay);
    await assert.rejects(importImage(overlay, fresh(), mebibyte), { ...unusable, found: `one that names ${secret}` });
    qemuImg('create', '-q', '-f', 'qcow2', '-o', `data_file=${fresh()}`, outside, '1M');
    await assert.rejects(importImage(outside, fresh(), mebibyte), { ...unusable, expected: 'an image that stands alone' });
  });

  test('a damaged one is unusable, and qemu-img says why', async () => {
    const whole = fresh();
    await createImage(whole, mebibyte);
    qemuIo(whole, 'write -P 0x61 0 64k');
    const damage: [string, (bytes: Buffer) => void][] = [
      ['its version', (bytes) => bytes.writeUInt32BE(9, 4)],
      ['its cluster size', (bytes) => bytes.writeUInt32BE(60, 20)],
      ['the place of its first table', (bytes) => bytes.writeBigUInt64BE(0x7fff_ffff_ffff_0000n, 40)],
    ];
    for (const [name, change] of damage) {
      const [damaged, to] = [fresh(), fresh()];
      const bytes = readFileSync(whole);
      change(bytes);
      writeFileSync(damaged, bytes);
      for (const use of [() => imageBytes(damaged), () => importImage(damaged, to, mebibyte), () => mapImage(damaged, 'qcow2')]) {
        await assert.rejects(use, (error: { code?: unknown; subject?: unknown; found?: unknown }) => {
          assert.deepEqual([error.code, error.subject], ['IMAGE_UNUSABLE', damaged], name);
          assert.match(String(error.found), /\S/);
          return true;
        });
      }
    }
  });

  test('a file that is not there, and text that is no qcow2, are unusable', async () => {
    const [missing, text] = [fresh(), fresh()];
    await assert.rejects(imageBytes(missing), { ...unusable, subject: missing });
    await assert.rejects(importImage(missing, fresh(), mebibyte), unusable);
    writeFileSync(text, 'hello');
    await assert.rejects(mapImage(text, 'qcow2'), unusable);
  });

  test('raw images are mapped in whole, with data where data is', async () => {
    const path = fresh();
    qemuImg('create', '-q', '-f', 'raw', path, String(4 * cluster));
    execFileSync('qemu-io', ['-f', 'raw', '-c', 'write -P 0x61 128k 64k', path], { stdio: 'ignore' });
    const map = await mapImage(path, 'raw');
    assert.ok(map.every(({ present }) => present));
    assert.equal(map.reduce((end, { startBytes, lengthBytes }) => (assert.equal(startBytes, end), end + lengthBytes), 0), 4 * cluster);
    const holding = map.find(({ startBytes, lengthBytes }) => startBytes <= 2 * cluster && 2 * cluster < startBytes + lengthBytes);
    assert.equal(holding?.offsetBytes, holding?.startBytes);
  });
});
