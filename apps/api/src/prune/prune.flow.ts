import { deepEqual, equal, ok, rejects } from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import fc from 'fast-check';
import { sql } from 'kysely';
import { Fault, newId, systemRandom, type DesktopId } from '@godwit/base';
import { signPolicy } from '@godwit/snapshot';
import { textOf } from '@godwit/wire';
import { inTransaction } from '../database/database.ts';
import { lockLease } from '../leases/lease.transitions.ts';
import { Scrubber } from '../scrub/scrubber.ts';
import { hourMs, keysOf, needed, World } from '../testing/prune-world.ts';
import { newDatabaseUrl } from '../testing/shared-cluster.ts';
import { commitOf, createDesktop, enrol, raiseStage, uploadPack, type Draft } from '../testing/stage.ts';
import { claim } from './collection.transitions.ts';
import type { Eraser } from './collector.ts';

/** Prune, forks and scrub through the front door, with a real PostgreSQL and real files; only time is turned by hand. */

describe('prune', () => {
  let world: World;
  before(async () => (world = await World.raise()));
  after(() => world[Symbol.asyncDispose]());

  test('drops what the policy does not keep, frees it after the grace time and not before, and answers an old commit as then', async () => {
    await using own = await World.raise();
    const line = await own.line();
    const shared = await line.upload(1000);
    const first = await line.commit([shared, await line.upload()]);
    await line.commit([shared, await line.upload(2000)]);
    await line.commit([shared, await line.upload()]);
    deepEqual((await line.prune({ last: 1 }, true)).dropped, [1, 2]);
    equal((await line.prune(null)).policy, null, 'a dry run stores nothing');
    const pruned = await line.prune({ last: 1 });
    deepEqual([pruned.dropped, pruned.kept, pruned.waiting, pruned.freed], [[1, 2], 1, { objects: 2, bytes: 2300 }, { objects: 0, bytes: 0 }]);
    equal((await own.files()).length, 4);
    const { checkpoints } = await own.person.client.ask('listCheckpoints', { params: { desktopId: line.desktopId }, query: {} });
    deepEqual(checkpoints.map(({ sequence }) => sequence), [3]);
    await rejects(own.person.client.ask('readManifest', { params: { desktopId: line.desktopId, sequence: '1' } }), { code: 'CHECKPOINT_NOT_FOUND' });
    await own.pass(hourMs - 5_000);
    deepEqual((await line.prune(null)).freed, { objects: 0, bytes: 0 });
    await own.pass(10_000);
    deepEqual((await line.prune(null)).freed, { objects: 2, bytes: 2300 });
    deepEqual([await own.files(), await own.rows()], [needed(own, [line]), needed(own, [line])]);
    const row = await own.db.selectFrom('checkpoints').select(['sequence', 'manifest']).where('commit_id', '=', first.commitId).executeTakeFirstOrThrow();
    deepEqual([row.sequence, row.manifest.length], [1, 0], 'the row still answers a repeated commit');
  });

  test('keeps everything without a policy, refuses one of another desktop, of another signer, and an older one', async () => {
    const line = await world.line();
    await line.commit([await line.upload()]);
    await line.commit([await line.upload()]);
    deepEqual((await line.prune(null)).dropped, []);
    const { client } = world.person;
    const ask = (policy: Buffer) => client.ask('pruneDesktop', { params: { desktopId: line.desktopId }, body: { policy: textOf(policy), dryRun: false } });
    const good = { last: 5, hourly: 0, daily: 0, desktopId: line.desktopId, signedMs: 1_760_000_000_000 };
    await rejects(ask(signPolicy({ ...good, desktopId: newId<DesktopId>(systemRandom) }, client.device)), { code: 'POLICY_INVALID' });
    const other = await enrol(world.stage.coordinator);
    await rejects(ask(signPolicy(good, other.client.device)), { code: 'SIGNATURE_INVALID' });
    await ask(signPolicy(good, client.device));
    await ask(signPolicy(good, client.device));
    await rejects(ask(signPolicy({ ...good, last: 1, signedMs: good.signedMs - 1 }, client.device)), { code: 'POLICY_OUTDATED' });
  });

  test('never takes what a writer may still commit; takes what a dead epoch left', async () => {
    await using own = await World.raise();
    const line = await own.line();
    await line.commit([await line.upload()]);
    const slow = await line.upload();
    await own.pass(10 * hourMs);
    for (let round = 0; round < 3; round += 1) await own.collector().collect(own.accountId).then(() => own.pass(2 * hourMs));
    await line.commit([...line.head!.packs, slow]);
    const orphan = await line.upload();
    await line.release();
    await line.acquire();
    deepEqual(await own.collector().collect(own.accountId), { objects: 0, bytes: 0 }, 'too young');
    await own.pass(2 * hourMs);
    await own.collector().collect(own.accountId);
    await own.pass(2 * hourMs);
    deepEqual(await own.collector().collect(own.accountId), { objects: 1, bytes: 300 });
    ok(!(await own.files()).includes(orphan.key));
    // An epoch that this database has not seen: it was set back, and nothing of that epoch is judged by it.
    const ahead = await line.upload();
    await line.commit([...line.head!.packs]);
    await sql`update desktops set epoch = 1, held = false`.execute(own.db);
    await own.pass(5 * hourMs);
    await own.collector().collect(own.accountId);
    await own.pass(5 * hourMs);
    await own.collector().collect(own.accountId);
    ok((await own.files()).includes(ahead.key));
  });

  test('a writer that slept through the grace time is refused by name; one that comes before takes the pack back', async () => {
    await using own = await World.raise();
    const line = await own.line();
    const [kept, late] = [await line.upload(), await line.upload()];
    await line.commit([kept, late]);
    await line.commit([kept]);
    await line.prune({ last: 1 });
    await line.commit([kept, late]);
    await own.pass(2 * hourMs);
    deepEqual(await own.collector().collect(own.accountId), { objects: 0, bytes: 0 }, 'taken back');
    await line.commit([kept]);
    await line.prune(null);
    await own.pass(2 * hourMs);
    const claimed = await inTransaction(own.db, (trx) => claim(trx, own.accountId, { graceMs: hourMs, retryMs: hourMs, most: 10 }));
    deepEqual(claimed.map(({ key }) => key), [late.key]);
    await rejects(line.commit([kept, late]), { code: 'COMMIT_PACK_MISSING', subject: `pack ${late.packId}` });
    await own.collector().collect(own.accountId);
    await rejects(line.commit([kept, late]), { code: 'COMMIT_PACK_MISSING' });
    deepEqual(await own.files(), [kept.key]);
    await line.commit([kept, await line.upload()]);
  });

  test('a collection waits for a commit that is under way, and a commit for a collection', async () => {
    await using own = await World.raise();
    const line = await own.line();
    await line.commit([await line.upload()]);
    await line.commit([await line.upload()]);
    await line.prune({ last: 1 });
    await own.pass(2 * hourMs);
    /** Resolves when so many transactions wait for a lock of another. */
    const waiting = async (count: number): Promise<void> => {
      for (;;) {
        const { rows: [row] } = await sql<{ waiting: number }>`select count(*) as waiting from pg_stat_activity where datname = current_database() and wait_event_type = 'Lock'`.execute(own.db);
        if (row!.waiting >= count) return;
        await new Promise((resolve) => setTimeout(resolve, 10));
      }
    };
    const ended: string[] = [];
    let collected: Promise<unknown> = Promise.resolve();
    await inTransaction(own.db, async (trx) => {
      // As every commit begins.
      await lockLease(trx, own.accountId, line.desktopId);
      collected = own.collector().collect(own.accountId).then(() => ended.push('collection'));
      await Promise.race([waiting(1), collected]);
      deepEqual(ended, []);
    });
    await collected;
    let committed: Promise<unknown> = Promise.resolve();
    const packs = [...line.head!.packs, await line.upload()];
    await inTransaction(own.db, async (trx) => {
      await claim(trx, own.accountId, { graceMs: hourMs, retryMs: hourMs, most: 10 });
      committed = line.commit(packs).then(() => ended.push('commit'));
      await Promise.race([waiting(1), committed]);
      deepEqual(ended, ['collection']);
    });
    await committed;
    deepEqual(ended, ['collection', 'commit']);
  });

  test('commits, marks and sweeps at once: no checkpoint ever misses a pack', async () => {
    await using own = await World.raise();
    const lines = await Promise.all(Array.from({ length: 3 }, () => own.line()));
    const work = lines.map(async (line) => {
      for (let round = 0; round < 12; round += 1) {
        const before = line.head?.packs ?? [];
        // Half of what was, something from long ago if it is still to be had, and something new.
        const long = [...line.checkpoints.values()][0]?.packs ?? [];
        const packs = new Map([...before.slice(-2), ...long.slice(0, 1), await line.upload()].map((pack) => [pack.key, pack]));
        await line.commit([...packs.values()]).catch((error: unknown) => equal((error as Fault).code, 'COMMIT_PACK_MISSING'));
        await line.prune({ last: 2 });
      }
    });
    const state = { done: false };
    const sweep = (async () => {
      while (!state.done) {
        await own.pass(hourMs / 2);
        await own.collector(own.store, 3).collect(own.accountId);
      }
    })();
    await Promise.all(work);
    state.done = true;
    await sweep;
    const files = new Set(await own.files());
    for (const key of needed(own, lines)) ok(files.has(key), key);
  });

  test('is ended anywhere by a kill, and the next one finishes; a locked object waits and is told', async () => {
    await using own = await World.raise();
    const line = await own.line();
    await line.commit(await Promise.all(Array.from({ length: 6 }, () => line.upload(100))));
    await line.commit([await line.upload(100)]);
    await line.prune({ last: 1 });
    await own.pass(2 * hourMs);
    // Killed after so many deletions in the store, before the rows of that batch are gone.
    for (let deletions = 0; deletions < 4; deletions += 1) {
      const state = { left: deletions };
      const dies: Eraser = {
        remove: async (accountId, key) => {
          if (state.left-- <= 0) await new Promise(() => undefined);
          await own.store.remove(accountId, key);
        },
      };
      void own.collector(dies, 4).collect(own.accountId);
      for (let wait = 0; state.left > 0 && wait < 40; wait += 1) await new Promise((resolve) => setTimeout(resolve, 25));
    }
    equal((await own.rows()).length, 7, 'no row went');
    ok((await own.files()).length < 7, 'files did');
    const locked = (await own.files()).find((key) => !keysOf(line.head!.packs).includes(key))!;
    const keeps: Eraser = {
      remove: async (accountId, key) => {
        if (key === locked) throw new Fault('OBJECT_LOCKED', { subject: key });
        await own.store.remove(accountId, key);
      },
    };
    await own.collector(keeps, 2).collect(own.accountId);
    deepEqual(await own.rows(), [locked, ...keysOf(line.head!.packs)].sort());
    deepEqual((await line.prune(null)).locked, { objects: 1, bytes: 100 }, 'not asked again at once');
    await own.pass(2 * hourMs);
    equal((await line.prune(null)).freed.objects, 1);
    deepEqual([await own.files(), await own.rows()], [keysOf(line.head!.packs), keysOf(line.head!.packs)]);
  });

  test('the coordinator applies stored policies by itself', async () => {
    const quick = await raiseStage({ databaseUrl: await newDatabaseUrl(), upkeep: { graceMs: 0, everyMs: 20 } });
    try {
      const person = await enrol(quick.coordinator);
      const desktopId = await createDesktop(person.client);
      const put = () => uploadPack(person.client, quick.coordinator, desktopId, 1);
      const one = commitOf(person.client, { desktopId, epoch: 1, sequence: 1, packs: [await put()] });
      const { digest } = await person.client.ask('commitCheckpoint', { params: { desktopId }, body: one });
      await person.client.ask('pruneDesktop', { params: { desktopId }, body: { policy: textOf(signPolicy({ last: 1, hourly: 0, daily: 0, desktopId, signedMs: 1 }, person.client.device)), dryRun: false } });
      const two = commitOf(person.client, { desktopId, epoch: 1, sequence: 2, parent: { digest, commitId: one.commitId, epoch: 1, sequence: 1 }, packs: [await put()] });
      await person.client.ask('commitCheckpoint', { params: { desktopId }, body: two });
      const count = async (): Promise<number> => (await quick.objects.keys(person.accountId)).length;
      for (let wait = 0; (await count()) !== 1 && wait < 200; wait += 1) await new Promise((resolve) => setTimeout(resolve, 25));
      equal(await count(), 1);
    } finally {
      await quick[Symbol.asyncDispose]();
    }
  });
});

describe('forks', () => {
  let world: World;
  before(async () => (world = await World.raise()));
  after(() => world[Symbol.asyncDispose]());

  test('a fork is free, keeps what it shares when its origin is pruned, and goes on in its own name', async () => {
    const line = await world.line();
    const old = await line.upload();
    await line.commit([old]);
    await line.commit([await line.upload()]);
    const fork = await world.fork(line, 1);
    const dropped = line.copy();
    const read = await world.person.client.ask('readDesktop', { params: { desktopId: fork.desktopId } });
    deepEqual([read.owner, read.epoch, read.head?.sequence], [null, 1, 1]);
    await line.prune({ last: 1 });
    await world.pass(2 * hourMs);
    await world.collector().collect(world.accountId);
    ok((await world.files()).includes(old.key), 'the fork needs it');
    await fork.acquire();
    const { urls } = await world.person.client.ask('mintUrls', { params: { desktopId: fork.desktopId }, body: { operation: 'get', objects: [{ key: old.key }] } });
    equal((await fetch(new URL(urls[0]!.url, world.stage.coordinator.url))).status, 200);
    await fork.commit([old, await fork.upload()], true);
    await rejects(world.fork(line, 2).then(() => world.fork(dropped, 1)), { code: 'CHECKPOINT_NOT_FOUND' });
    await rejects(world.person.client.ask('mintUrls', { params: { desktopId: fork.desktopId }, body: { operation: 'put', epoch: 2, objects: [{ key: old.key, lengthBytes: 1 }] } }), { kind: 'fenced' });
  });

  test('a rollback takes the name of a free desktop with the head that was named, or changes nothing', async () => {
    const { client } = world.person;
    const line = await world.line();
    await line.commit([await line.upload()]);
    const head = await line.commit([await line.upload()]);
    const { name } = await client.ask('readDesktop', { params: { desktopId: line.desktopId } });
    const wish = { name, keepAs: `${name}.before-1`, expectedHeadDigest: head.digest };
    await rejects(world.fork(line, 1, wish), { code: 'DESKTOP_IN_USE' });
    await line.release();
    await rejects(world.fork(line, 1, { ...wish, expectedHeadDigest: line.checkpoints.get(1)!.digest }), { code: 'HEAD_MOVED' });
    await rejects(world.fork(line, 1, { ...wish, keepAs: name }), { code: 'DESKTOP_NAME_TAKEN' });
    await rejects(world.fork(line, 1, { ...wish, name: 'another' }), { code: 'FORK_REFUSED' });
    const names = async (): Promise<[string, DesktopId][]> => (await client.ask('listDesktops')).desktops.filter((desktop) => desktop.name.startsWith(name)).map((desktop) => [desktop.name, desktop.desktopId]);
    deepEqual(await names(), [[name, line.desktopId]], 'refusals changed nothing');
    const fork = await world.fork(line, 1, wish);
    deepEqual(await names(), [[name, fork.desktopId], [`${name}.before-1`, line.desktopId]]);
  });

  test('a manifest that is no fork of that checkpoint, or brings packs of its own, is refused', async () => {
    const line = await world.line();
    const pack = await line.upload();
    const head = await line.commit([pack]);
    const desktopId = newId<DesktopId>(systemRandom);
    const from = { ...head, desktopId: line.desktopId };
    const refused = async (draft: Partial<Draft>, code: string): Promise<void> => {
      const { commitId, manifest } = commitOf(world.person.client, { desktopId, epoch: 1, sequence: 1, forkedFrom: from, packs: [pack], ...draft });
      const body = { desktopId, name: 'refused', wrappedKey: { generation: 1, bytes: textOf(systemRandom(82)) }, commitId, manifest, replaces: null };
      await rejects(world.person.client.ask('forkDesktop', { params: { desktopId: line.desktopId }, body }), { code });
    };
    await refused({ forkedFrom: { ...from, sequence: 7 } }, 'CHECKPOINT_NOT_FOUND');
    await refused({ forkedFrom: { ...from, digest: textOf(systemRandom(32)) } }, 'FORK_REFUSED');
    await refused({ forkedFrom: { ...from, desktopId: newId<DesktopId>(systemRandom) } }, 'FORK_REFUSED');
    await refused({ sequence: 2 }, 'FORK_REFUSED');
    await refused({ packs: [pack, { ...pack, desktopId, packId: newId(systemRandom) }] }, 'FORK_REFUSED');
    await refused({ packs: [{ ...pack, packId: newId(systemRandom) }] }, 'COMMIT_PACK_MISSING');
    equal((await world.person.client.ask('listDesktops')).desktops.some(({ name }) => name === 'refused'), false);
  });
});

/** What a person and time may do to an account, in any order. */
const step = fc.oneof(
  { weight: 4, arbitrary: fc.record({ kind: fc.constant('commit' as const), line: fc.nat(3), keep: fc.nat(7), fresh: fc.integer({ min: 1, max: 2 }) }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('upload' as const), line: fc.nat(3) }) },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant('move' as const), line: fc.nat(3) }) },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant('fork' as const), line: fc.nat(3), at: fc.nat(5) }) },
  { weight: 3, arbitrary: fc.record({ kind: fc.constant('prune' as const), line: fc.nat(3), last: fc.integer({ min: 1, max: 3 }) }) },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant('pass' as const), minutes: fc.constantFrom(20, 61, 200) }) },
);

test('whatever commits, moves, forks, prunes and time do: what is needed is there, and in the end nothing else', async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(step, { minLength: 5, maxLength: 25 }), async (steps) => {
      await using own = await World.raise();
      const lines = [await own.line()];
      for (const each of steps) {
        const line = 'line' in each ? lines[each.line % lines.length]! : lines[0]!;
        if (each.kind === 'commit') {
          if (!line.held) await line.acquire();
          const fresh = await Promise.all(Array.from({ length: each.fresh }, () => line.upload(64)));
          await line.commit([...(line.head?.packs ?? []).filter((_, index) => (each.keep >> index) % 2 === 1), ...fresh]);
        } else if (each.kind === 'upload') {
          if (line.held) await line.upload(64);
        } else if (each.kind === 'move') {
          await (line.held ? line.release() : line.acquire());
        } else if (each.kind === 'fork') {
          const sequences = [...line.checkpoints.keys()];
          if (sequences.length === 0) continue;
          const fork = await own.fork(line, sequences[each.at % sequences.length]!);
          lines.push(fork);
        } else if (each.kind === 'prune') await line.prune({ last: each.last });
        else await own.pass(each.minutes * 60_000);
        const files = new Set(await own.files());
        for (const key of needed(own, lines)) ok(files.has(key), `${each.kind}: ${key}`);
      }
      for (const line of lines) if (line.held) await line.release();
      for (let round = 0; round < 3; round += 1) await own.pass(2 * hourMs).then(() => own.collector().collect(own.accountId));
      deepEqual([await own.files(), await own.rows()], [needed(own, lines), needed(own, lines)]);
    }),
    { numRuns: 6 },
  );
});

describe('scrub', () => {
  let world: World;
  before(async () => (world = await World.raise()));
  after(() => world[Symbol.asyncDispose]());

  test('finds a flipped byte, a cut object and a missing one by name, and says when it looked', async () => {
    const line = await world.line();
    const packs = await Promise.all(Array.from({ length: 5 }, () => line.upload(500)));
    await line.commit(packs);
    const ask = () => world.person.client.ask('readScrub', { params: { desktopId: line.desktopId } });
    deepEqual(await ask(), { objects: 5, bytes: 2500, looked: 0, oldestMs: null, damaged: [] });
    const { objects } = world.stage;
    const good = await objects.read(world.accountId, packs[0]!.key);
    const flipped = Buffer.from(good.map((byte, index) => (index === 123 ? byte ^ 1 : byte)));
    await objects.replace(world.accountId, packs[0]!.key, flipped);
    await objects.replace(world.accountId, packs[1]!.key, flipped.subarray(1));
    await world.store.remove(world.accountId, packs[2]!.key);
    const scrub = (scrubBytesPerSecond = 1e9) => new Scrubber(world.db, world.store, { scrubBytesPerSecond, scrubAgainMs: hourMs }).round(new AbortController().signal);
    await scrub();
    const found = await ask();
    deepEqual([found.looked, found.damaged.map(({ key, finding }) => [key, finding]).sort()], [5, [[packs[0]!.key, 'digest'], [packs[1]!.key, 'length'], [packs[2]!.key, 'missing']].sort()]);
    ok(found.oldestMs !== null && Math.abs(found.oldestMs - Date.now()) < 60_000);
    await objects.replace(world.accountId, packs[0]!.key, good);
    await scrub();
    equal((await ask()).damaged.length, 3, 'looked at lately');
    await sql`update scrubs set looked_at = looked_at - interval '2 hours'`.execute(world.db);
    const startedMs = performance.now();
    await scrub(10_000);
    ok(performance.now() - startedMs >= 200, 'no faster than its rate');
    equal((await ask()).damaged.length, 2);
  });
});
