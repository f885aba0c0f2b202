import assert from 'node:assert/strict';
import { existsSync, mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { Fault } from '@godwit/base';
import { memoryStore, type ObjectStore } from '@godwit/snapshot';
import { SpoolStore } from './spool-store.ts';

/** A store whose every `put` waits until it is let through. */
class SlowStore {
  readonly store: ObjectStore = memoryStore();
  readonly waiting: (() => void)[] = [];
  most = 0;
  readonly digests: (string | undefined)[] = [];
  failing = false;

  get slow(): ObjectStore {
    const { store } = this;
    const put = async (key: string, body: Uint8Array, sha256?: Buffer): Promise<void> => {
      this.digests.push(sha256?.toString('hex'));
      const { promise, resolve } = Promise.withResolvers<undefined>();
      this.waiting.push(() => resolve(undefined));
      this.most = Math.max(this.most, this.waiting.length);
      await promise;
      if (this.failing) throw new Fault('STORE_UNAVAILABLE');
      await store.put(key, body);
    };
    return { put, get: store.get.bind(store), size: store.size.bind(store), list: store.list.bind(store), delete: store.delete.bind(store) };
  }

  /** Lets what waits through, again and again, as long as it comes. */
  async release(count: number): Promise<void> {
    for (let done = 0; done < count; ) {
      const next = this.waiting.shift();
      if (next === undefined) await sleep(1);
      else {
        next();
        done += 1;
      }
    }
  }
}

describe('a store that takes objects as fast as the disk', () => {
  let parent: string;
  before(() => (parent = mkdtempSync(join(tmpdir(), 'godwit-spool-'))));
  after(() => rmSync(parent, { recursive: true, force: true }));
  const body = (fill: number): Buffer => Buffer.alloc(100, fill);
  const settledOf = async (work: Promise<unknown>): Promise<boolean> => Promise.race([work.then(() => true, () => true), sleep(30).then(() => false)]);

  /** Two that the store has not taken yet, so that all that comes after has to wait here. */
  const occupy = (spool: SpoolStore): Promise<void>[] => {
    const both = [spool.put('first', body(8)), spool.put('second', body(9))];
    for (const each of both) each.catch(() => undefined); // Looked at by the tests in which they matter.
    return both;
  };

  test('what the store keeps up with never lies here', async () => {
    const directory = join(parent, 'direct');
    const slow = new SlowStore();
    const spool = new SpoolStore(slow.slow, directory, 1000);
    await spool.begin();
    const putting = spool.put('k0', body(0), Buffer.from('aa', 'hex'));
    assert.deepEqual([await settledOf(putting), spool.spooledBytes, readdirSync(directory)], [false, 0, []]);
    const drained = spool.drained();
    assert.equal(await settledOf(drained), false);
    await slow.release(1);
    await Promise.all([putting, drained]);
    assert.deepEqual([await slow.store.get('k0'), slow.digests], [body(0), ['aa']]);
    await spool.end();
  });

  test('beyond that a put is done before the store has it; drained when the store has all, with nothing left here', async () => {
    const directory = join(parent, 'a');
    const slow = new SlowStore();
    const spool = new SpoolStore(slow.slow, directory, 1000);
    await spool.begin();
    const passing = occupy(spool);
    for (let index = 0; index < 5; index += 1) await spool.put(`k${index}`, body(index), Buffer.from([index]));
    const drained = spool.drained();
    assert.deepEqual([await settledOf(drained), spool.spooledBytes], [false, 500]);
    await slow.release(7);
    await Promise.all([drained, ...passing]);
    assert.deepEqual([await slow.store.get('k3'), slow.most <= 2, readdirSync(directory)], [body(3), true, []]);
    assert.deepEqual(slow.digests.sort(), ['00', '01', '02', '03', '04', undefined, undefined]);
    await spool.end();
    assert.equal(existsSync(directory), false);
  });

  test('no more than its cap lies here: the next put waits until something has gone', async () => {
    const slow = new SlowStore();
    const spool = new SpoolStore(slow.slow, join(parent, 'b'), 250);
    await spool.begin();
    void occupy(spool);
    await spool.put('k0', body(0));
    await spool.put('k1', body(1));
    const third = spool.put('k2', body(2));
    assert.deepEqual([await settledOf(third), spool.spooledBytes], [false, 200]);
    await slow.release(3);
    await third;
    assert.ok(spool.spooledBytes <= 250);
    await slow.release(2);
    await spool.drained();
    await spool.end();
  });

  test('an upload that fails ends the puts that wait and what comes after', async () => {
    const slow = new SlowStore();
    slow.failing = true;
    const spool = new SpoolStore(slow.slow, join(parent, 'c'), 100);
    await spool.begin();
    const [passing] = occupy(spool);
    await spool.put('k0', body(0));
    const second = spool.put('k1', body(1));
    await slow.release(2);
    await assert.rejects(passing!, { code: 'STORE_UNAVAILABLE' });
    await assert.rejects(second, { code: 'STORE_UNAVAILABLE' });
    await assert.rejects(spool.put('k2', body(2)), { code: 'STORE_UNAVAILABLE' });
    await assert.rejects(spool.drained(), { code: 'STORE_UNAVAILABLE' });
    await spool.end();
  });

  test('ended in the middle it sends nothing more and leaves nothing here', async () => {
    const directory = join(parent, 'd');
    const slow = new SlowStore();
    const spool = new SpoolStore(slow.slow, directory, 1000);
    await spool.begin();
    void occupy(spool);
    for (let index = 0; index < 5; index += 1) await spool.put(`k${index}`, body(index));
    const ending = spool.end();
    await slow.release(2);
    await ending;
    assert.deepEqual([slow.waiting.length, existsSync(directory), await slow.store.size('k4')], [0, false, undefined]);
    await assert.rejects(spool.drained(), { code: 'CANCELLED' });
  });
});
