import { createHash } from 'node:crypto';
import type { FileHandle } from 'node:fs/promises';
import { Fault, giveBack } from '@godwit/base';

/** Pieces of a body are written together when they are so many: each write is a trip to another thread. Twice this is in memory at most, with what comes in meanwhile. */
const writeBytes = 256 * 1024;

/**
 * Writes a body's pieces to a new file; its SHA-256. The next pieces are received and hashed while the ones before are written. Their memory
 * is given back as soon as they are. Never more than `lengthBytes` reach the disk: OBJECT_LENGTH_REFUSED for a longer or shorter body.
 */
export async function receive(file: FileHandle, body: AsyncIterable<Buffer>, lengthBytes: number): Promise<Buffer> {
  const hash = createHash('sha256');
  let waiting: Buffer[] = [];
  let [waitingBytes, receivedBytes] = [0, 0];
  let writing = Promise.resolve();
  try {
    for await (const piece of body) {
      receivedBytes += piece.length;
      if (receivedBytes > lengthBytes) throw new Fault('OBJECT_LENGTH_REFUSED', { expected: `${lengthBytes} bytes`, found: 'more' });
      hash.update(piece);
      waiting.push(piece);
      waitingBytes += piece.length;
      if (waitingBytes < writeBytes) continue;
      await writing;
      writing = writeAll(file, waiting);
      // Awaited above, or at the end; until then a failure is nobody's.
      writing.catch(() => undefined);
      [waiting, waitingBytes] = [[], 0];
    }
    if (receivedBytes !== lengthBytes) throw new Fault('OBJECT_LENGTH_REFUSED', { expected: `${lengthBytes} bytes`, found: `${receivedBytes}` });
    await writing;
    await writeAll(file, waiting);
    return hash.digest();
  } finally {
    // The caller closes the file next.
    await writing.catch(() => undefined);
  }
}

async function writeAll(file: FileHandle, pieces: readonly Buffer[]): Promise<void> {
  for (let left = pieces; left.length > 0; ) left = from(left, (await file.writev(left)).bytesWritten);
  for (const piece of pieces) giveBack(piece);
}

/** What is left of the pieces after their first `skippedBytes`. */
function from(pieces: readonly Buffer[], skippedBytes: number): Buffer[] {
  let skip = skippedBytes;
  return pieces.flatMap((piece) => {
    const left = piece.subarray(Math.min(skip, piece.length));
    skip -= piece.length - left.length;
    return left.length === 0 ? [] : [left];
  });
}
