import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, mkdtempSync, openSync, readdirSync, rmSync, statSync, writeSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { after, before, describe, test } from 'node:test';
import { WarmCache } from '@godwit/agent';
import { silentLog, systemClock, systemRandom } from '@godwit/base';
import { anyRange, keyOf, limitBytes, objectBytes, objectCount, truth } from './truth.ts';

const rounds = 10;
const longestMs = 80;
const pick = (below: number): number => systemRandom(4).readUInt32LE() % below;

describe('a warm cache whose agent is killed while it writes', () => {
  let directory: string;
  before(() => (directory = mkdtempSync(join(tmpdir(), 'godwit-killed-'))));
  after(() => rmSync(directory, { recursive: true }));

  test(`gives nothing but the truth, ${rounds} times over, whatever of the last writes the disk has`, async () => {
    let givenBytes = 0;
    let lostBytes = 0;
    for (let round = 0; round < rounds; round++) {
      await writeUntilKilled(directory, pick(longestMs));
      // As after a power cut: the file has its length, and not all of its bytes.
      if (round % 2 === 1) lostBytes += loseSome(directory);
      givenBytes += await checkAll(directory);
    }
    assert.ok(givenBytes > (rounds * objectBytes) / 2, `${givenBytes} bytes were given in all: too few to prove anything`);
    assert.ok(lostBytes > 0);
  });
});

async function writeUntilKilled(directory: string, afterMs: number): Promise<void> {
  const writer = spawn(process.execPath, [join(import.meta.dirname, 'busy-writer.js'), directory], { stdio: ['ignore', 'pipe', 'inherit'] });
  const ended = once(writer, 'exit') as Promise<[number | null, NodeJS.Signals | null]>;
  await Promise.race([once(writer.stdout, 'data'), ended]);
  await sleep(afterMs);
  writer.kill('SIGKILL');
  assert.deepEqual(await ended, [null, 'SIGKILL']);
}

/** Zeros in some page of some file. */
function loseSome(directory: string): number {
  const names = readdirSync(directory);
  if (names.length === 0) return 0;
  const path = join(directory, names[pick(names.length)]!);
  const { size } = statSync(path);
  if (size === 0) return 0;
  const file = openSync(path, 'r+');
  const lost = writeSync(file, Buffer.alloc(Math.min(4096, size)), 0, Math.min(4096, size), Math.max(0, pick(size) - 4096));
  closeSync(file);
  return lost;
}

/** Reads everything, whole and in pieces, and compares it; returns how many bytes there were. */
async function checkAll(directory: string): Promise<number> {
  const cache = new WarmCache({ directory, clock: systemClock, log: silentLog, limitBytes });
  const wholes = Array.from({ length: objectCount }, (_, number) => ({ number, offsetBytes: 0, lengthBytes: objectBytes }));
  for (const { number, offsetBytes, lengthBytes } of [...wholes, ...Array.from({ length: 40 }, () => anyRange(pick))]) {
    const { bytes, missing } = await cache.read(keyOf(number), { offsetBytes, lengthBytes });
    if (bytes === undefined) continue;
    const expected = truth(number, offsetBytes, lengthBytes);
    const firstMissing = missing === undefined ? lengthBytes : missing.offsetBytes - offsetBytes;
    const endMissing = missing === undefined ? lengthBytes : firstMissing + missing.lengthBytes;
    const right = bytes.length === lengthBytes && bytes.subarray(0, firstMissing).equals(expected.subarray(0, firstMissing)) && bytes.subarray(endMissing).equals(expected.subarray(endMissing));
    assert.ok(right, `${lengthBytes} bytes at ${offsetBytes} of object ${number} are not what was written`);
  }
  const { bytesFromCache } = cache.counts;
  assert.ok((await cache.contents()).bytes <= limitBytes);
  await cache.close();
  return bytesFromCache;
}
