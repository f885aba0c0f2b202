import { createCipheriv } from 'node:crypto';

/** Objects whose bytes anybody can tell who knows their number: what a cache gives out of them is right or it is not. */

export const objectCount = 6;
export const objectBytes = 2 * 2 ** 20;
/** Less than the objects take, so that some are given up all the time. */
export const limitBytes = 10 * 2 ** 20;

/** Noise, so that no piece of one is like another. */
const objects = Array.from({ length: objectCount }, (_, number) => createCipheriv('aes-128-ctr', Buffer.alloc(16, number), Buffer.alloc(16)).update(Buffer.alloc(objectBytes)));

export function keyOf(number: number): string {
  return `d-1/e-1/h-1/p-${number}a`;
}

export function truth(number: number, offsetBytes: number, lengthBytes: number): Buffer {
  return objects[number]!.subarray(offsetBytes, offsetBytes + lengthBytes);
}

/** A range as readers ask for them: single frames, many at once, and now and then a whole object. */
export function anyRange(pick: (below: number) => number): { number: number; offsetBytes: number; lengthBytes: number } {
  const number = pick(objectCount);
  const longest = [100_000, 2 ** 20, objectBytes][pick(3)]!;
  if (longest === objectBytes) return { number, offsetBytes: 0, lengthBytes: objectBytes };
  const lengthBytes = 1 + pick(longest);
  return { number, offsetBytes: pick(objectBytes - lengthBytes), lengthBytes };
}
