import { deepEqual, equal, rejects } from 'node:assert/strict';
import { createHash } from 'node:crypto';
import type { FileHandle } from 'node:fs/promises';
import { test } from 'node:test';
import { systemRandom } from '@godwit/base';
import { receive } from './receive.ts';

/** A file that takes at most `mostBytes` at a time, and nothing any more after `roomBytes`. */
function fileOf({ mostBytes = Infinity, roomBytes = Infinity }: { mostBytes?: number; roomBytes?: number }): { file: FileHandle; written: () => Buffer; calls: () => number } {
  let written = Buffer.alloc(0);
  let calls = 0;
  const writev = (pieces: readonly Buffer[]): Promise<{ bytesWritten: number }> => {
    calls += 1;
    const bytes = Buffer.concat(pieces).subarray(0, mostBytes);
    if (written.length + bytes.length > roomBytes) return Promise.reject(Object.assign(new Error('no room'), { code: 'ENOSPC' }));
    written = Buffer.concat([written, bytes]);
    return Promise.resolve({ bytesWritten: bytes.length });
  };
  return { file: { writev } as unknown as FileHandle, written: () => written, calls: () => calls };
}

/** As a socket gives them: each with memory of its own. */
async function* piecesOf(bytes: Buffer, pieceBytes: number): AsyncGenerator<Buffer> {
  for (let at = 0; at < bytes.length; at += pieceBytes) {
    await new Promise((resolve) => setImmediate(resolve));
    const piece = bytes.subarray(at, at + pieceBytes);
    yield Buffer.copyBytesFrom(piece);
  }
}

const bytes = systemRandom(1_000_003);
const digest = createHash('sha256').update(bytes).digest();

test('every byte is written once and in order, in a few large writes, however they come and however few a write takes', async () => {
  for (const [pieceBytes, mostBytes] of [[65_536, Infinity], [1, Infinity], [65_536, 100_000], [300_000, 7_001], [2_000_000, Infinity]] as const) {
    const some = pieceBytes === 1 ? bytes.subarray(0, 5000) : bytes;
    const { file, written, calls } = fileOf({ mostBytes });
    const found = await receive(file, piecesOf(some, pieceBytes), some.length);
    deepEqual([written().equals(some), found.equals(createHash('sha256').update(some).digest())], [true, true], `pieces of ${pieceBytes}`);
    if (mostBytes === Infinity) equal(calls() <= 5, true, `${calls()} writes of pieces of ${pieceBytes}`);
  }
});

test('memory that a piece shares with others is left alone', async () => {
  const whole = Buffer.from(bytes);
  const { file, written } = fileOf({});
  equal((await receive(file, (async function* () { for (let at = 0; at < whole.length; at += 400_000) yield await Promise.resolve(whole.subarray(at, at + 400_000)); })(), whole.length)).equals(digest), true);
  deepEqual([whole.equals(bytes), written().equals(bytes)], [true, true]);
});

test('a body of another length is refused, and no byte beyond its length is written', async () => {
  const long = fileOf({});
  await rejects(receive(long.file, piecesOf(bytes, 65_536), bytes.length - 1), { code: 'OBJECT_LENGTH_REFUSED' });
  equal(long.written().length < bytes.length, true);
  await rejects(receive(fileOf({}).file, piecesOf(bytes, 65_536), bytes.length + 1), { code: 'OBJECT_LENGTH_REFUSED' });
});

test('a write that fails fails the upload, at whichever of its writes, and is nobody else\'s', async () => {
  for (const roomBytes of [0, 300_000, 999_999]) await rejects(receive(fileOf({ roomBytes }).file, piecesOf(bytes, 65_536), bytes.length), { code: 'ENOSPC' });
  // The body breaks while a write fails: one of the two is told, the other one must not end the process.
  const broken = async function* (): AsyncGenerator<Buffer> {
    yield* piecesOf(bytes.subarray(0, 262_144), 65_536);
    throw Object.assign(new Error('cut'), { code: 'ECONNRESET' });
  };
  await rejects(receive(fileOf({ roomBytes: 0 }).file, broken(), bytes.length));
  await new Promise((resolve) => setImmediate(resolve));
});
