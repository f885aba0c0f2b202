import { read } from 'node:fs';
import type { ServerResponse } from 'node:http';
import type { OpenFile } from './open-files.ts';
import type { ByteSpan } from './range.ts';

/** A page fault's frame is one read and one write. Also what a slow client can make the coordinator keep. */
const pieceBytes = 256 * 1024;
const sparePiecesMax = 32;
/** Pieces that nobody uses: fresh memory would cost as much as reading into it. */
const spare: Buffer[] = [];

/** Sends those bytes as the whole body of an answer whose head is written, and ends it. Throws where the file is shorter, or the client went away. */
export async function sendSpan(response: ServerResponse, file: OpenFile, span: ByteSpan): Promise<void> {
  await readPieces(file, span, (piece, isLast) => sent(response, piece, isLast));
}

/** Gives `take` the bytes of the span, piece by piece; a piece is its own until it is done. Throws where the file is shorter. */
export async function readPieces(file: OpenFile, { first, last }: ByteSpan, take: (piece: Buffer, isLast: boolean) => Promise<void>): Promise<void> {
  const piece = spare.pop() ?? Buffer.allocUnsafeSlow(pieceBytes);
  for (let at = first; at <= last; ) {
    const count = await readAt(file.fd, piece, Math.min(pieceBytes, last + 1 - at), at);
    if (count === 0) throw new Error('the object is shorter than it was');
    at += count;
    await take(piece.subarray(0, count), at > last);
  }
  // Only after a good end: whoever failed may still have it.
  if (spare.length < sparePiecesMax) spare.push(piece);
}

function readAt(fd: number, into: Buffer, lengthBytes: number, position: number): Promise<number> {
  return new Promise((resolve, reject) => {
    read(fd, into, 0, lengthBytes, position, (error, count) => {
      if (error === null) resolve(count);
      else reject(error);
    });
  });
}

/** Resolves when the kernel has the bytes. */
function sent(response: ServerResponse, bytes: Buffer, isLast: boolean): Promise<void> {
  return new Promise((resolve, reject) => {
    const gone = (): void => reject(new Error('the client went away'));
    if (response.destroyed) {
      gone();
      return;
    }
    response.once('close', gone);
    const done = (error?: Error | null): void => {
      response.removeListener('close', gone);
      if (error === undefined || error === null) resolve();
      else reject(error);
    };
    if (isLast) response.end(bytes, done);
    else response.write(bytes, done);
  });
}
