import assert from 'node:assert/strict';
import { chmodSync, mkdirSync, readFileSync, renameSync, truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import type { GuestTick } from '../house/guest.ts';
import { assertGoesOn, assertNothingLeft, openTwoHosts, packsOf, startBusy, statusOf, waitForState, type TwoHosts } from './two-hosts.ts';

/** Objects that are missing, changed or cut in the store: refused before a byte of them reaches a guest, and mended by putting them back. */
describe('a store that is not what it was', { timeout: 180_000 }, () => {
  let hosts: TwoHosts;
  let seen: GuestTick;
  let pack: string;

  before(async () => {
    hosts = await openTwoHosts();
    seen = await startBusy(hosts.a, 'work');
    await hosts.a.must('suspend', 'work');
    pack = packsOf(hosts.house)[0]!;
  });
  after(() => hosts.house.close());

  for (const [what, damage, codes, listed] of [
    ['one pack is missing', (path: string) => renameSync(path, `${path}.away`), ['DATA_MISSING'], 'missing'],
    ['one byte of a pack is another', flipMiddle, ['FRAME_CORRUPT', 'PACK_CORRUPT', 'SEAL_BROKEN'], 'damaged'],
    ['a pack is cut short', (path: string) => truncateSync(path, 1_000_000), ['OBJECT_SHORT'], 'damaged'],
  ] as const) {
    test(`${what}: verify lists it, an eager resume is refused and leaves nothing, a lazy one is lost and says why`, async () => {
      const { a, b } = hosts;
      const original = readFileSync(pack);
      // What it has seen before it would not ask the store for.
      await b.must('cache', '--clear', '--yes');
      damage(pack);
      try {
        const verified = await a.ask('verify', 'work', '--data');
        assert.equal(verified.exitCode, 1);
        assert.equal(verified.result?.good, false);
        assert.ok(verified.result[listed].length > 0, verified.stdout);
        const eager = await b.ask('resume', 'work', '--eager');
        assert.ok((codes as readonly string[]).includes(eager.error?.code ?? ''), eager.stdout);
        assert.equal(eager.exitCode, 1);
        assertNothingLeft(b);
        assert.deepEqual(await statusOf(a, 'work').then(({ state, holder }) => [state, holder]), ['free', null]);
        const lazy = await b.ask('resume', 'work', '--wait');
        assert.ok([...codes, 'DESKTOP_LOST'].includes(lazy.error?.code ?? ''), lazy.stdout);
        assertNothingLeft(b);
        const status = await statusOf(b, 'work');
        if (lazy.error?.code === 'DESKTOP_LOST') assert.match(status.note ?? '', /lost here \(.+\)/);
        else assert.equal(status.state, 'free');
      } finally {
        renameBack(pack, original);
      }
      await b.must('resume', 'work', '--wait');
      seen = await assertGoesOn(b, 'work', seen);
      await b.must('suspend', 'work');
    });
  }

  test('put back, it is whole again', async () => {
    assert.equal((await hosts.a.must('verify', 'work', '--data')).good, true);
    await waitForState(hosts.a, 'work', ['free']);
  });
});

function flipMiddle(path: string): void {
  const bytes = readFileSync(path);
  bytes[bytes.length >> 1]! ^= 0x01;
  rewrite(path, bytes);
}

function renameBack(path: string, original: Buffer): void {
  mkdirSync(join(path, '..'), { recursive: true });
  rewrite(path, original);
}

/** Objects are written once and may be read-only. */
function rewrite(path: string, bytes: Buffer): void {
  writeFileSync(`${path}.new`, bytes);
  chmodSync(`${path}.new`, 0o600);
  renameSync(`${path}.new`, path);
}

