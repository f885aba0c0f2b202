import { Fault } from '@godwit/base';
import { objectBytesMax } from '../limits.ts';

export interface ByteRange {
  readonly offsetBytes: number;
  /** At least 1. */
  readonly lengthBytes: number;
}

export interface StoredObject {
  readonly key: string;
  readonly lengthBytes: number;
}

/**
 * Where packs and manifests lie. Nothing is ever rewritten: an object is created once, read in ranges, and perhaps deleted.
 * A driver classifies its errors; callers see only these codes, and STORE_UNAVAILABLE or STORE_DENIED from every method.
 */
export interface ObjectStore {
  /**
   * Creates the object; durable when it resolves. The same bytes under the same key again are fine (a retry).
   * OBJECT_EXISTS when other bytes are there, which are left as they are. The bytes must not change until it settles.
   * `sha256`: of the body, from a caller that knows it; a driver that needs it computes it otherwise, and need not compare.
   */
  put(key: string, body: Uint8Array, sha256?: Buffer): Promise<void>;
  /** Exactly the bytes asked for, the caller's own. OBJECT_MISSING; OBJECT_SHORT when the object ends before the range does. */
  get(key: string, range?: ByteRange): Promise<Buffer>;
  /** Only of a store that may answer from copies: `get` from the original, for whoever got what does not open. The copy is what came, from then on. */
  getAfresh?(key: string, range: ByteRange): Promise<Buffer>;
  /** Length in bytes, undefined when there is no such object. */
  size(key: string): Promise<number | undefined>;
  /** All objects whose key begins with `prefix`, ascending by key. */
  list(prefix: string): AsyncIterable<StoredObject>;
  /** Fine when it is not there. */
  delete(key: string): Promise<void>;
}

/** Bodies are bounded on the way in, so that every store can hold what any other holds. */
export function checkBody(key: string, body: Uint8Array): void {
  if (body.length > objectBytesMax) throw new Fault('VALUE_OUT_OF_RANGE', { subject: key, expected: `an object of at most ${objectBytesMax} bytes`, found: `${body.length}` });
}

/** VALUE_OUT_OF_RANGE for a range that no object can have. */
export function checkRange({ offsetBytes, lengthBytes }: ByteRange): void {
  const good = Number.isSafeInteger(offsetBytes) && offsetBytes >= 0 && Number.isSafeInteger(lengthBytes) && lengthBytes >= 1 && lengthBytes <= objectBytesMax;
  if (!good) throw new Fault('VALUE_OUT_OF_RANGE', { expected: `a range of 1 to ${objectBytesMax} bytes`, found: `${lengthBytes} bytes at ${offsetBytes}` });
}

/** The fault for an object of `foundBytes` that ends before `range` does. */
export function shortObject(key: string, range: ByteRange, foundBytes: number): Fault {
  return new Fault('OBJECT_SHORT', { subject: key, expected: `at least ${range.offsetBytes + range.lengthBytes} bytes`, found: `${foundBytes}` });
}
