import { deepEqual, equal, ok, rejects } from 'node:assert/strict';
import { describe, it } from 'node:test';
import { decodeLeaf, leafHash, openTreeHead, verifyConsistency, verifyInclusion } from '@godwit/crypto';
import { bytesOf, type OperatorAudit } from '@godwit/wire';
import { createDesktop, enrol } from '../testing/stage.ts';
import { shown, Views } from '../testing/views.ts';

/** What a browser does with an answer: the head's signature, and each leaf in its tree. */
function check(page: OperatorAudit): { size: number; root: Buffer } {
  const head = openTreeHead(bytesOf(page.head), { audience: page.audience, signPublic: bytesOf(page.logKey) });
  for (const { index, leaf, inclusion } of page.rows) verifyInclusion({ index, size: head.size, leaf: leafHash(bytesOf(leaf)), proof: inclusion.map(bytesOf), root: head.root });
  return head;
}

describe('the audit log as operators see it', () => {
  it('shows leaves of all accounts, newest first, each with a proof for the head, and finds those of a kind, an account, a desktop', async () => {
    await using views = await Views.raise();
    const { coordinator } = views.stage;
    const [anna, ben] = [await enrol(coordinator), await enrol(coordinator)];
    const desktopId = await createDesktop(anna.client);
    await createDesktop(ben.client);
    const page = await shown('readOperatorAudit', views.audit.read({}));
    const head = check(page);
    equal(page.rows.length, head.size);
    deepEqual(page.rows.map(({ index }) => index), Array.from({ length: head.size }, (_, n) => head.size - 1 - n));
    for (const row of page.rows) {
      const leaf = decodeLeaf(bytesOf(row.leaf));
      deepEqual([leaf.kind, leaf.accountId, leaf.desktopId], [row.kind, row.accountId, row.desktopId]);
    }
    deepEqual(new Set(page.rows.map(({ accountId }) => accountId)), new Set([anna.accountId, ben.accountId]));
    const of = async (query: Parameters<typeof views.audit.read>[0]) => {
      const found = await shown('readOperatorAudit', views.audit.read(query));
      check(found);
      return found.rows;
    };
    deepEqual((await of({ kind: 'desktop-created' })).map(({ accountId }) => accountId), [ben.accountId, anna.accountId]);
    ok((await of({ accountId: ben.accountId })).every(({ accountId }) => accountId === ben.accountId));
    deepEqual((await of({ desktopId })).map(({ kind }) => kind), ['desktop-created']);
    deepEqual(await of({ kind: 'no-such-kind' }), []);
  });

  it('names the hosts and desktops that a page mentions, and no others, however many there are', async () => {
    await using views = await Views.raise();
    const { coordinator } = views.stage;
    const [anna, ben] = [await enrol(coordinator, 'anna-pc'), await enrol(coordinator, 'ben-pc')];
    const first = await createDesktop(anna.client, 'the-first-one');
    for (let n = 0; n < 120; n++) await createDesktop(ben.client, `desktop-${n}`);
    const newest = await shown('readOperatorAudit', views.audit.read({}));
    deepEqual([newest.names.length, newest.names.find(({ id }) => id === ben.client.device.hostId)?.name, newest.names.some(({ id }) => id === first)], [101, 'ben-pc', false]);
    const older = await shown('readOperatorAudit', views.audit.read({ before: String(newest.next) }));
    equal(older.names.find(({ id }) => id === first)?.name, 'the-first-one');
    equal(older.names.find(({ id }) => id === anna.client.device.hostId)?.name, 'anna-pc');
  });

  it('proves that the log has only grown since the head of an earlier visit, and refuses a head that it never signed', async () => {
    await using views = await Views.raise();
    const { client } = await enrol(views.stage.coordinator);
    const before = await shown('readOperatorAudit', views.audit.read({}));
    const earlier = check(before);
    await createDesktop(client);
    const after = await shown('readOperatorAudit', views.audit.read({ seen: before.head }));
    const later = check(after);
    ok(later.size > earlier.size);
    verifyConsistency({ from: earlier.size, fromRoot: earlier.root, to: later.size, toRoot: later.root, proof: after.consistency.map(bytesOf) });
    const forged = bytesOf(before.head);
    forged[20]! ^= 1;
    await rejects(views.audit.read({ seen: forged.toString('base64url') }), { code: 'TREE_HEAD_INVALID' });
  });

  it('goes through a long log page by page, without a gap', async () => {
    await using views = await Views.raise();
    const { client } = await enrol(views.stage.coordinator);
    for (let n = 0; n < 110; n++) await createDesktop(client);
    const first = await shown('readOperatorAudit', views.audit.read({}));
    equal(first.rows.length, 100);
    equal(first.next, first.rows.at(-1)!.index);
    const rest = await shown('readOperatorAudit', views.audit.read({ before: String(first.next) }));
    equal(rest.next, null);
    const { size } = check(first);
    check(rest);
    deepEqual([...first.rows, ...rest.rows].map(({ index }) => index), Array.from({ length: size }, (_, n) => size - 1 - n));
  });
});
