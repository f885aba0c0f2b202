import { Fault } from '@godwit/base';
import { checkKey } from '../layout.ts';
import { checkBody, checkRange, shortObject, type ObjectStore } from './object-store.ts';

/** The reference implementation, for tests; `objects` is open so that a test can damage what is stored. */
export interface MemoryStore extends ObjectStore {
  readonly objects: Map<string, Buffer>;
}

export function memoryStore(): MemoryStore {
  const objects = new Map<string, Buffer>();
  const read = (key: string): Buffer => {
    const body = objects.get(checkKey(key));
    if (body === undefined) throw new Fault('OBJECT_MISSING', { subject: key });
    return body;
  };
  return {
    objects,
    async put(key, body) {
      checkKey(key);
      checkBody(key, body);
      const present = objects.get(key);
      if (present === undefined) objects.set(key, Buffer.from(body));
      else if (!present.equals(body)) throw new Fault('OBJECT_EXISTS', { subject: key });
    },
    async get(key, range) {
      const body = read(key);
      if (range === undefined) return Buffer.from(body);
      checkRange(range);
      if (range.offsetBytes + range.lengthBytes > body.length) throw shortObject(key, range, body.length);
      return Buffer.from(body.subarray(range.offsetBytes, range.offsetBytes + range.lengthBytes));
    },
    async size(key) {
      return objects.get(checkKey(key))?.length;
    },
    async *list(prefix) {
      for (const key of [...objects.keys()].filter((name) => name.startsWith(prefix)).sort()) {
        const body = objects.get(key);
        if (body !== undefined) yield { key, lengthBytes: body.length };
      }
    },
    async delete(key) {
      objects.delete(checkKey(key));
    },
  };
}
