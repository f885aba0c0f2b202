import assert from 'node:assert/strict';
import { mkdtemp, readFile, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, test } from 'node:test';
import fc from 'fast-check';
import { decodeDeadline, decodeGuard, decodeSeen, encodeDeadline, encodeGuard, encodeSeen, makeSmall, readBootId, readSmall, writeSmall } from './guard-files.ts';

const boot = '0f9d4c4e-1df6-4a13-9a55-2d6c3f0a7b11';
const limitMs = 10 ** 14;
const deadline = fc.oneof(fc.constant(null), fc.integer({ min: 0, max: limitMs }));
const deed = fc.constantFrom('none', 'paused', 'frozen', 'killed');
const id = fc.record({ pid: fc.integer({ min: 1, max: 2 ** 22 }), startTicks: fc.nat().map(String) });
const hostile = fc.oneof(fc.string(), fc.uint8Array().map((bytes) => Buffer.from(bytes).toString('latin1')));

/** `text` with the byte at `place` (of any size) made another one. */
function changed(text: string, place: number, by: number): string {
  const at = place % text.length;
  return text.slice(0, at) + String.fromCharCode(text.charCodeAt(at) ^ by) + text.slice(at + 1);
}

describe('what agent and guard tell each other', () => {
  test('comes out as it went in, in texts of one length', () => {
    fc.assert(fc.property(deadline, deed, id, id, (deadlineMs, done, guard, machine) => {
      assert.equal(decodeDeadline(encodeDeadline(boot, deadlineMs), boot, limitMs), deadlineMs);
      assert.deepEqual(decodeSeen(encodeSeen({ deadlineMs, deed: done })), { deadlineMs, deed: done });
      assert.deepEqual(decodeGuard(encodeGuard(boot, { guard, machine }), boot), { guard: { ...guard }, machine: { ...machine } });
      assert.equal(encodeDeadline(boot, deadlineMs).length, encodeDeadline(boot, 0).length);
      assert.equal(encodeSeen({ deadlineMs, deed: done }).length, encodeSeen({ deadlineMs: 0, deed: 'none' }).length);
    }));
  });

  test('is nothing when a byte of it is another one, or when it ends early or goes on', () => {
    fc.assert(fc.property(deadline, deed, fc.nat(), fc.integer({ min: 1, max: 255 }), (deadlineMs, done, place, by) => {
      const texts = [encodeDeadline(boot, deadlineMs), encodeSeen({ deadlineMs, deed: done })] as const;
      const [given, seen] = [(text: string) => decodeDeadline(text, boot, limitMs), decodeSeen] as const;
      for (const [text, decode] of [[texts[0], given], [texts[1], seen]] as const) {
        assert.equal(decode(changed(text, place, by)), undefined);
        assert.equal(decode(text.slice(0, place % text.length)), undefined);
        assert.equal(decode(`${text}\n`), undefined);
      }
    }));
  });

  test('is nothing when it is half of one text and half of another', () => {
    fc.assert(fc.property(fc.integer({ min: 0, max: limitMs }), fc.integer({ min: 0, max: limitMs }), fc.nat(), (before, after, place) => {
      const [old, young] = [encodeDeadline(boot, before), encodeDeadline(boot, after)];
      const at = place % old.length;
      const read = decodeDeadline(young.slice(0, at) + old.slice(at), boot, limitMs);
      assert.ok(read === undefined || read === before || read === after);
    }));
  });

  test('is nothing of another boot, or when it reaches too far ahead', () => {
    const other = boot.replace('0', '1');
    assert.equal(decodeDeadline(encodeDeadline(other, 5), boot, limitMs), undefined);
    assert.equal(decodeDeadline(encodeDeadline(other, null), boot, limitMs), undefined);
    assert.equal(decodeGuard(encodeGuard(other, { guard: { pid: 1, startTicks: '1' }, machine: { pid: 2, startTicks: '2' } }), boot), undefined);
    assert.deepEqual([999, 1_000, 1_001].map((ms) => decodeDeadline(encodeDeadline(boot, ms), boot, 1_000)), [999, 1_000, undefined]);
  });

  test('any other bytes are nothing, and nothing throws', () => {
    fc.assert(fc.property(hostile, (text) => {
      assert.deepEqual([decodeDeadline(text, boot, limitMs), decodeSeen(text), decodeGuard(text, boot)], [undefined, undefined, undefined]);
    }));
  });
});

describe('the files themselves', () => {
  test('are written over in place; a large or strange one is read only at its beginning, and none through a link', async () => {
    const directory = await mkdtemp(join(tmpdir(), 'godwit-guard-'));
    try {
      const path = join(directory, 'deadline');
      assert.equal(await readSmall(path), undefined);
      await assert.rejects(writeSmall(path, 'made'), { code: 'ENOENT' });
      await makeSmall(path, '');
      await assert.rejects(makeSmall(path, 'lost'), { code: 'EEXIST' });
      for (const ms of [7, null, 9]) {
        await writeSmall(path, encodeDeadline(readBootId(), ms));
        assert.equal(decodeDeadline((await readSmall(path))!, readBootId(), limitMs), ms);
      }
      await writeFile(path, Buffer.alloc(2 ** 20, 'x'));
      assert.equal((await readSmall(path))?.length, 256);
      await writeFile(join(directory, 'other'), 'kept');
      await symlink('other', join(directory, 'link'));
      await assert.rejects(writeSmall(join(directory, 'link'), 'lost'), { code: 'ELOOP' });
      assert.equal(await readFile(join(directory, 'other'), 'latin1'), 'kept');
    } finally {
      await rm(directory, { recursive: true });
    }
  });
});
