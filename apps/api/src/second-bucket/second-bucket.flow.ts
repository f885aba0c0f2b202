import { deepEqual, equal, ok, rejects } from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { describe, test } from 'node:test';
import { sql } from 'kysely';
import { Fault, silentLog } from '@godwit/base';
import { sha256 } from '@godwit/crypto';
import type { CoordinatorStore } from '../objects/coordinator-store.ts';
import { Finder } from '../scrub/finder.ts';
import { hourMs, keysOf, World, type Line } from '../testing/prune-world.ts';
import { stageObjects, type StageObjects } from '../testing/stage-objects.ts';
import { databaseNowMs } from '../database/database-clock.ts';
import { announce, bucketIdOf, claimGone, firstKey, forgetCopy, noteCopied } from './copies.ts';
import { Replicator } from './replicator.ts';
import { SecondBucket, type SecondStore } from './second-bucket.ts';

const dayMs = 24 * hourMs;
const place = 'a second place';
const until = new AbortController().signal;

/** A person's desktops, and a second place to which they are copied: a directory behind the port of a bucket. The real bucket: test/src/services. */
class Pair implements AsyncDisposable {
  readonly world: World;
  readonly second: StageObjects;
  readonly #folder: string;

  private constructor(world: World, folder: string) {
    [this.world, this.#folder] = [world, folder];
    this.second = stageObjects(join(folder, 'second'), undefined);
  }

  static async raise(): Promise<Pair> {
    return new Pair(await World.raise(), mkdtempSync('/tmp/godwit-2-'));
  }

  /** `change`: what goes wrong there. */
  replicator(change: Partial<SecondStore> = {}, first: Pick<CoordinatorStore, 'read'> = this.world.store): Replicator {
    const { store } = this.second;
    const second: SecondStore = { place, put: (...of) => store.put(...of), inspect: (...of) => store.inspect(...of), remove: (...of) => store.remove(...of), check: () => Promise.resolve(), ...change };
    return new Replicator({ db: this.world.db, first, second, graceMs: 7 * dayMs, log: silentLog });
  }

  round(): ReturnType<Replicator['round']> {
    return this.replicator().round(until);
  }

  /** What lies there. */
  copies(): Promise<string[]> {
    return this.second.keys(this.world.accountId);
  }

  async standing() {
    return (await new SecondBucket({ place }).standing(this.world.db))!;
  }

  /** Prune drops all but the newest checkpoint, and what nothing needs is deleted from the store. */
  async prune(line: Line): Promise<void> {
    await line.prune({ last: 1 });
    await this.world.pass(2 * hourMs);
    await this.world.collector().collect(this.world.accountId);
  }

  /** What is gone has been for so much longer. */
  async pass(ms: number): Promise<void> {
    await sql`update second_copies set gone_at = gone_at - make_interval(secs => ${ms / 1000})`.execute(this.world.db);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.world[Symbol.asyncDispose]();
    rmSync(this.#folder, { recursive: true, force: true });
  }
}

describe('a second bucket', () => {
  test('gets what was committed, once, byte for byte and under the same keys; the next round goes on from there', async () => {
    await using pair = await Pair.raise();
    const line = await pair.world.line();
    const packs = [await line.upload(700), await line.upload(300)];
    const head = await line.commit(packs);
    await line.upload(50);
    deepEqual(await pair.standing(), { place, copiedObjects: 0, copiedBytes: 0, behindObjects: 2, behindBytes: 1_000, behindSinceMs: (await pair.standing()).behindSinceMs, goneObjects: 0, goneBytes: 0 });
    ok((await pair.standing()).behindSinceMs! > 0);
    deepEqual(await pair.round(), { objects: 2, bytes: 1_000, refused: 0, removed: 0, locked: 0 });
    deepEqual(await pair.copies(), keysOf(head.packs).sort());
    for (const { key, digest } of packs) ok(sha256(await pair.second.read(pair.world.accountId, key)).equals(digest));
    const more = await line.upload(20);
    await line.commit([...packs, more]);
    deepEqual(await pair.round(), { objects: 1, bytes: 20, refused: 0, removed: 0, locked: 0 });
    deepEqual(await pair.round(), { objects: 0, bytes: 0, refused: 0, removed: 0, locked: 0 });
    deepEqual(await pair.standing(), { place, copiedObjects: 3, copiedBytes: 1_020, behindObjects: 0, behindBytes: 0, behindSinceMs: null, goneObjects: 0, goneBytes: 0 });
    // Another place is another bucket: what lies in this one says nothing of it.
    deepEqual((await new SecondBucket({ place: 'a third place' }).standing(pair.world.db))?.behindObjects, 3);
    equal(await new SecondBucket(undefined).standing(pair.world.db), null);
  });

  test('goes through more objects than one statement looks at', async () => {
    await using pair = await Pair.raise();
    const { db, accountId } = pair.world;
    await sql`insert into objects (account_id, object_key, length_bytes, sha256, committed) select ${accountId}, 'o-' || n, 1, '\\x00', n % 3 = 0 from generate_series(1, 3000) n`.execute(db);
    const bucketId = await bucketIdOf(db, place);
    const keys: string[] = [];
    let slices = 0;
    for (let after: typeof firstKey | undefined = firstKey; after !== undefined; slices += 1) {
      const { objects, next }: Awaited<ReturnType<typeof announce>> = await announce(db, bucketId, after);
      for (const { key } of objects) keys.push(key);
      after = next;
    }
    deepEqual([slices, keys.length, new Set(keys).size], [3, 1_000, 1_000]);
  });

  test('after a kill at any step the next round does what was left, and nothing lies there that is not on record', async () => {
    await using pair = await Pair.raise();
    const line = await pair.world.line();
    await line.commit([await line.upload(), await line.upload(), await line.upload()]);
    const killed = new Fault('STORE_UNAVAILABLE', { found: 'a kill' });
    const { store } = pair.second;
    const atStep: Partial<SecondStore>[] = [
      { check: () => Promise.reject(killed) },
      { put: () => Promise.reject(killed) },
      { inspect: () => Promise.reject(killed) },
      { put: async (...of) => (await store.put(...of), Promise.reject(killed)) },
    ];
    for (const change of atStep) {
      await rejects(pair.replicator(change).round(until), { code: 'STORE_UNAVAILABLE' });
      equal((await pair.standing()).copiedObjects, 0);
      const known = await pair.world.db.selectFrom('second_copies').select('object_key').execute();
      for (const key of await pair.copies()) ok(known.some(({ object_key: each }) => each === key), key);
    }
    ok((await pair.copies()).length > 0, 'something was put before it was killed');
    deepEqual(await pair.round(), { objects: 3, bytes: 900, refused: 0, removed: 0, locked: 0 });
    deepEqual(await pair.copies(), await pair.world.files());
    const ended = new AbortController();
    ended.abort();
    await line.commit([...line.head!.packs, await line.upload()]);
    deepEqual(await pair.replicator().round(ended.signal), { objects: 0, bytes: 0, refused: 0, removed: 0, locked: 0 });
  });

  test('keeps what the store deleted for its grace time, then lets go of it, also after a kill in the middle; the store loses nothing by it', async () => {
    await using pair = await Pair.raise();
    const line = await pair.world.line();
    const [old, kept] = [await line.upload(100), await line.upload(10)];
    await line.commit([old, kept]);
    await line.commit([kept]);
    await pair.round();
    await pair.prune(line);
    deepEqual([await pair.world.files(), (await pair.copies()).length], [[kept.key], 2]);
    await pair.pass(7 * dayMs - hourMs);
    equal((await pair.round()).removed, 0);
    deepEqual([(await pair.standing()).goneObjects, (await pair.standing()).goneBytes, (await pair.standing()).copiedObjects], [1, 100, 1]);
    await pair.pass(2 * hourMs);
    await rejects(pair.replicator({ remove: () => Promise.reject(new Fault('STORE_UNAVAILABLE')) }).round(until), { code: 'STORE_UNAVAILABLE' });
    deepEqual([(await pair.replicator({ remove: () => Promise.reject(new Fault('OBJECT_LOCKED')) }).round(until)).locked, (await pair.copies()).length], [1, 2]);
    deepEqual(await pair.round(), { objects: 0, bytes: 0, refused: 0, removed: 1, locked: 0 });
    deepEqual([await pair.copies(), await pair.world.files()], [[kept.key], [kept.key]]);
    deepEqual((await pair.world.db.selectFrom('second_copies').select('object_key').execute()).map(({ object_key: key }) => key), [kept.key]);
  });

  test('an object that is damaged in the store, or has other bytes there, stays behind and holds up no other', async () => {
    await using pair = await Pair.raise();
    const line = await pair.world.line();
    const packs = [await line.upload(10), await line.upload(20), await line.upload(30), await line.upload(40)];
    await line.commit(packs);
    const { accountId, stage } = pair.world;
    await stage.objects.replace(accountId, packs[0]!.key, Buffer.alloc(10));
    await stage.objects.store.remove(accountId, packs[1]!.key);
    await pair.second.replace(accountId, packs[2]!.key, Buffer.alloc(30));
    deepEqual(await pair.round(), { objects: 1, bytes: 40, refused: 3, removed: 0, locked: 0 });
    deepEqual([(await pair.standing()).behindObjects, (await pair.standing()).behindBytes], [3, 60]);
    // What is put there and reads back otherwise is not taken for a copy.
    await pair.second.store.remove(accountId, packs[2]!.key);
    const inspect: SecondStore['inspect'] = async () => ({ lengthBytes: 30, sha256: Buffer.alloc(32) });
    equal((await pair.replicator({ inspect }).round(until)).refused, 3);
    equal((await pair.round()).objects, 1);
  });

  test('a deletion in the middle of its copy is seen, and a key that comes back while its copy is removed is copied again', async () => {
    await using pair = await Pair.raise();
    const { db, accountId } = pair.world;
    const line = await pair.world.line();
    const [old, kept] = [await line.upload(100), await line.upload(10)];
    await line.commit([old, kept]);
    await line.commit([kept]);
    const read: CoordinatorStore['read'] = async (account, key) => {
      const bytes = await pair.world.store.read(account, key);
      if (key === old.key) await pair.prune(line);
      return bytes;
    };
    await pair.replicator({}, { read }).round(until);
    equal((await pair.standing()).goneObjects, 1);
    await pair.pass(8 * dayMs);
    const bucketId = await bucketIdOf(db, place);
    const claim = async () => (await claimGone(db, bucketId, { graceMs: 7 * dayMs, begun: new Date(await databaseNowMs(db)), most: 10 })).map(({ key }) => key);
    // It is back before: then nothing is removed.
    const back = () => sql`insert into objects (account_id, object_key, length_bytes, sha256, committed) values (${accountId}, ${old.key}, 100, ${old.digest}, true)`.execute(db);
    const gone = () => sql`delete from objects where object_key = ${old.key}`.execute(db);
    await back();
    deepEqual(await claim(), []);
    await gone();
    deepEqual(await claim(), [old.key]);
    // It is back in between: it is copied when it is gone from there.
    await back();
    const after = async () => (await announce(db, bucketId, firstKey)).objects.map(({ key }) => key);
    deepEqual(await after(), []);
    await noteCopied(db, bucketId, { accountId, key: old.key });
    equal((await pair.standing()).behindObjects, 1);
    deepEqual(await claim(), [old.key]);
    await forgetCopy(db, bucketId, { accountId, key: old.key });
    deepEqual(await after(), [old.key]);
  });
});

describe('objects in another place than before', () => {
  const findings = async ({ db }: World) => (await db.selectFrom('scrubs').select(['object_key', 'finding']).where('finding', 'is not', null).orderBy('object_key').execute()).map((row) => [row.object_key, row.finding]);

  test('are sought there once, and those that it has not are told as scrub tells them; what it has is no news any more', async () => {
    await using pair = await Pair.raise();
    const { world, second } = pair;
    const line = await world.line();
    const packs = [await line.upload(10), await line.upload(20), await line.upload(30)];
    await line.commit(packs);
    await pair.round();
    const [there, cut, gone] = packs;
    await second.replace(world.accountId, cut!.key, Buffer.alloc(5));
    await second.store.remove(world.accountId, gone!.key);
    // As scrub had found it in the place before.
    await sql`insert into scrubs select account_id, object_key, now(), 'digest' from objects where object_key = ${there!.key}`.execute(world.db);
    const finder = new Finder(world.db, { place, lengthOf: (...of) => second.store.lengthOf(...of) });
    const expected = [[cut!.key, 'length'], [gone!.key, 'missing']].sort();
    deepEqual(await finder.round(until), { objects: 3, missing: 2 });
    deepEqual(await findings(world), expected);
    deepEqual(await finder.round(until), { objects: 0, missing: 0 });
    const home = new Finder(world.db, world.store);
    deepEqual(await home.round(until), { objects: 3, missing: 0 });
    deepEqual(await findings(world), []);
  });

  test('a search that was ended goes on; one that a store refuses finds nothing missing', async () => {
    await using pair = await Pair.raise();
    const { world } = pair;
    const line = await world.line();
    await line.commit([await line.upload(10), await line.upload(20)]);
    const away = new Finder(world.db, { place, lengthOf: () => Promise.reject(new Fault('STORE_DENIED')) });
    await rejects(away.round(until), { code: 'STORE_DENIED' });
    deepEqual(await findings(world), []);
    const ended = new AbortController();
    const ending = new Finder(world.db, { place, lengthOf: (...of) => (ended.abort(), world.store.lengthOf(...of)) });
    await ending.round(ended.signal);
    const whole = new Finder(world.db, { place, lengthOf: (...of) => world.store.lengthOf(...of) });
    deepEqual(await whole.round(until), { objects: 2, missing: 0 });
  });
});
