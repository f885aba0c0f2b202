import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { chmodSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, test } from 'node:test';
import { writeDurably } from './durable-file.ts';

describe('writeDurably', () => {
  let directory = '';
  let path = '';
  beforeEach(() => {
    directory = mkdtempSync(join(tmpdir(), 'godwit-durable-'));
    path = join(directory, 'record.json');
  });
  afterEach(() => rmSync(directory, { recursive: true }));

  test('makes a file that only its user can read, and leaves nothing else', async () => {
    await writeDurably(path, Buffer.from([0, 255]));
    assert.deepEqual([...readFileSync(path)], [0, 255]);
    assert.equal(statSync(path).mode & 0o777, 0o600);
    assert.deepEqual(readdirSync(directory), ['record.json']);
  });

  test('replaces what was there, whatever its mode and length', async () => {
    writeFileSync(path, 'a much longer old content', { mode: 0o644 });
    await writeDurably(path, 'new');
    assert.equal(readFileSync(path, 'utf8'), 'new');
    assert.equal(statSync(path).mode & 0o777, 0o600);
  });

  test('does not trust what a machine that died has left', async () => {
    writeFileSync(`${path}.new`, 'half of a much longer content');
    chmodSync(`${path}.new`, 0o666);
    await writeDurably(path, 'new');
    assert.equal(readFileSync(path, 'utf8'), 'new');
    assert.equal(statSync(path).mode & 0o777, 0o600);
  });

  test('writes of one path happen whole, in the order of the calls', async () => {
    const contents = Array.from({ length: 20 }, (_, turn) => String(turn % 10).repeat(turn % 2 === 0 ? 100_000 : 10));
    await Promise.all(contents.map(async (content) => writeDurably(path, content)));
    assert.equal(readFileSync(path, 'utf8'), contents.at(-1));
    assert.deepEqual(readdirSync(directory), ['record.json']);
  });

  test('says what the file system says where it cannot, leaves nothing, and the next write has its chance', async () => {
    await assert.rejects(writeDurably(join(directory, 'missing', 'record.json'), ''), { code: 'ENOENT' });
    mkdirSync(path);
    writeFileSync(join(path, 'inside'), '');
    const failing = assert.rejects(writeDurably(path, 'new'));
    const next = assert.rejects(writeDurably(path, 'newer'));
    await Promise.all([failing, next]);
    assert.deepEqual(readdirSync(directory), ['record.json']);
    rmSync(path, { recursive: true });
    await writeDurably(path, 'newest');
    assert.equal(readFileSync(path, 'utf8'), 'newest');
  });

  test('a full disk is called so, and the old content is whole', (context) => {
    const writer = `
      import { writeDurably } from ${JSON.stringify(new URL('./durable-file.js', import.meta.url).href)};
      import { readFileSync, readdirSync } from 'node:fs';
      const path = process.cwd() + '/record.json';
      await writeDurably(path, 'old');
      const fault = await writeDurably(path, Buffer.alloc(1 << 20)).catch((error) => error);
      process.stdout.write(JSON.stringify([fault.code, readFileSync(path, 'utf8'), readdirSync('.')]));`;
    const inFullDisk = 'mount -t tmpfs -o size=64k none "$1" && echo mounted && cd "$1" && exec "$2" --input-type=module -e "$3"';
    const { stdout } = spawnSync('unshare', ['--user', '--map-root-user', '--mount', 'sh', '-c', inFullDisk, 'sh', directory, process.execPath, writer], { encoding: 'utf8', timeout: 20_000 });
    const [mounted, said] = stdout.split('\n');
    if (mounted !== 'mounted') {
      context.skip('because this machine lets nobody mount in a namespace of their own');
      return;
    }
    assert.deepEqual(JSON.parse(said!), ['DISK_FULL', 'old', ['record.json']]);
  });
});
