import { deepEqual, doesNotReject, equal, match, notEqual, rejects } from 'node:assert/strict';
import { describe, test } from 'node:test';
import { systemRandom, newId, type AccountId, type DesktopId, type HostId } from '@godwit/base';
import { appendToPeaks, cryptoReady, decodeLeaf, encodeLeaf, leafHash, logKeyFromSeed, proveConsistency, proveInclusion, rootFromPeaks, sha256, signTreeHead, type AuditLeaf, type LogNode, type SignedTreeHead } from '@godwit/crypto';
import { AuditVisit, checkAudit, checkConsistency, checkInclusion, openTreeHead, readLeaf, type Bytes, type Checked, type Visit } from '@godwit/dashboard';
import { textOf } from '@godwit/wire';
import type { OperatorAudit } from '@godwit/wire/operators';

// The dashboard has its own reader of the log, written from docs/keys.md; here it meets logs that libs/crypto makes.

await cryptoReady();

const audience = 'godwit-test';
const bytesOf = (bytes: Uint8Array): Bytes => Uint8Array.from(bytes);
const flipped = (bytes: Uint8Array, at: number): Bytes => bytesOf(bytes).map((byte, index) => (index === (at + bytes.length) % bytes.length ? byte ^ 1 : byte));

/** A coordinator's log, honest by itself. */
class Log {
  readonly key = logKeyFromSeed(systemRandom(32));
  readonly leaves: Buffer[] = [];
  readonly #nodes = new Map<string, Buffer>();
  readonly #heads: Buffer[][] = [[]];

  constructor(kinds: readonly string[]) {
    for (const [index, kind] of kinds.entries()) this.append(leafOf(kind, index));
  }

  append(leaf: AuditLeaf): void {
    const bytes = encodeLeaf(leaf);
    const { nodes, peaks } = appendToPeaks(this.leaves.length, this.#heads.at(-1)!, [leafHash(bytes)]);
    for (const { level, position, hash } of nodes) this.#nodes.set(`${level} ${position}`, hash);
    this.leaves.push(bytes);
    this.#heads.push(peaks);
  }

  readonly #read = (nodes: readonly LogNode[]): Promise<Buffer[]> => Promise.resolve(nodes.map(({ level, position }) => this.#nodes.get(`${level} ${position}`)!));

  head(size = this.leaves.length): SignedTreeHead {
    return signTreeHead({ audience, size, root: rootFromPeaks(this.#heads[size]!), timeMs: 1000 + size }, this.key.signSecret);
  }

  inclusion(index: number, size = this.leaves.length): Promise<Buffer[]> {
    return proveInclusion(index, size, this.#read);
  }

  consistency(from: number, to = this.leaves.length): Promise<Buffer[]> {
    return proveConsistency(from, to, this.#read);
  }

  /** As the coordinator answers, newest first; `seen`: size of the head of an earlier visit. */
  async answer(seen: number | null): Promise<OperatorAudit> {
    const rows = this.leaves.map(async (bytes, index) => {
      const { kind, accountId, desktopId } = decodeLeaf(bytes);
      return { index, kind, accountId, desktopId, leaf: textOf(bytes), inclusion: (await this.inclusion(index)).map(textOf) };
    });
    return { logKey: textOf(this.key.signPublic), audience, head: textOf(this.head().bytes), consistency: seen === null ? [] : (await this.consistency(seen)).map(textOf), rows: (await Promise.all(rows)).reverse(), names: [], next: null };
  }

  visit(size: number): Visit {
    return { logKey: textOf(this.key.signPublic), audience, head: textOf(this.head(size).bytes), atMs: 5 };
  }
}

const [accountId, hostId, desktopId] = [newId<AccountId>(systemRandom), newId<HostId>(systemRandom), newId<DesktopId>(systemRandom)];

function leafOf(kind: string, index: number): AuditLeaf {
  return { accountId, kind, hostId: index % 3 === 0 ? null : hostId, desktopId: index % 2 === 0 ? desktopId : null, subject: null, epoch: index + 1, sequence: index % 5 === 0 ? null : index, digest: index % 4 === 0 ? null : sha256(Buffer.of(index)), timeMs: 1_700_000_000_000 + index, witness: index % 7 === 0 ? Buffer.from('witness') : null };
}

const kindsOf = (count: number): string[] => Array.from({ length: count }, () => 'desktop-acquired');
const verdicts = ({ rows }: Checked): string[] => rows.map(({ state }) => state);

describe('the proofs of the dashboard hold where those of libs/crypto do', () => {
  const log = new Log(kindsOf(17));

  test('inclusion: every entry of every tree, and no other place in it', async () => {
    for (let size = 1; size <= log.leaves.length; size += 1) {
      const root = bytesOf(log.head(size).root);
      for (let index = 0; index < size; index += 1) {
        const [leaf, proof] = [bytesOf(log.leaves[index]!), (await log.inclusion(index, size)).map(bytesOf)];
        await checkInclusion({ leaf, index, size, root, proof });
        await rejects(checkInclusion({ leaf, index: (index + 1) % (size + 1), size, root, proof }), { name: 'Refused' });
        await rejects(checkInclusion({ leaf: flipped(leaf, -1), index, size, root, proof }), { name: 'Refused' });
        await rejects(checkInclusion({ leaf, index, size, root, proof: [...proof, root] }), { name: 'Refused' });
        if (proof.length > 0) {
          await rejects(checkInclusion({ leaf, index, size, root, proof: proof.slice(1) }), { name: 'Refused' });
          await rejects(checkInclusion({ leaf, index, size, root, proof: proof.with(-1, flipped(proof.at(-1)!, 0)) }), { name: 'Refused' });
        }
      }
    }
  });

  test('consistency: every pair of trees, and no proof that was cut or changed', async () => {
    for (let to = 0; to <= log.leaves.length; to += 1) {
      for (let from = 0; from <= to; from += 1) {
        const pair = { from: headOf(from), to: headOf(to), proof: (await log.consistency(from, to)).map(bytesOf) };
        await doesNotReject(checkConsistency(pair), `${from} to ${to}`);
        await rejects(checkConsistency({ ...pair, proof: [...pair.proof, pair.to.root] }), { message: from === 0 || from === to ? /two different logs/ : /the length it must have/ });
        await rejects(checkConsistency({ ...pair, from: { ...pair.from, root: flipped(pair.from.root, 3) } }), { name: 'Refused' });
        if (from > 0) await rejects(checkConsistency({ ...pair, to: { ...pair.to, root: flipped(pair.to.root, 3) } }), { name: 'Refused' });
        for (const [at, hash] of pair.proof.entries()) {
          await rejects(checkConsistency({ ...pair, proof: pair.proof.with(at, flipped(hash, 9)) }), { name: 'Refused' });
          await rejects(checkConsistency({ ...pair, proof: pair.proof.toSpliced(at, 1) }), { name: 'Refused' });
        }
        if (from < to) await rejects(checkConsistency({ from: pair.to, to: pair.from, proof: pair.proof }), { name: 'Refused' });
      }
    }
  });

  const headOf = (size: number): { size: number; root: Bytes } => ({ size, root: bytesOf(log.head(size).root) });
});

describe('the dashboard reads', () => {
  const log = new Log(kindsOf(20));

  test('every leaf as libs/crypto wrote it, and refuses every shorter and longer one', () => {
    for (const bytes of log.leaves) {
      const { witness, digest, ...leaf } = decodeLeaf(bytes);
      deepEqual(readLeaf(bytesOf(bytes)), { ...leaf, digest: digest?.toString('hex') ?? null, witnessed: witness !== null });
      for (let length = 0; length < bytes.length; length += 1) throwsRefused(() => readLeaf(bytesOf(bytes.subarray(0, length))));
      throwsRefused(() => readLeaf(bytesOf(Buffer.concat([bytes, Buffer.of(0)]))));
    }
  });

  test('a head of this log key and name, with every byte of it signed', async () => {
    const by = { audience, logKey: bytesOf(log.key.signPublic) };
    const { bytes, size, root, timeMs } = log.head();
    deepEqual(await openTreeHead(bytesOf(bytes), by), { audience, size, root: bytesOf(root), timeMs });
    for (let at = 0; at < bytes.length; at += 1) await rejects(openTreeHead(flipped(bytes, at), by), { name: 'Refused' }, `byte ${at}`);
    for (const length of [0, 63, 64, bytes.length - 1]) await rejects(openTreeHead(bytesOf(bytes.subarray(0, length)), by), { name: 'Refused' });
    await rejects(openTreeHead(bytesOf(bytes), { ...by, logKey: bytesOf(new Log([]).key.signPublic) }), { message: 'the signature of the head does not hold' });
    await rejects(openTreeHead(bytesOf(bytes), { ...by, audience: 'another' }), { message: /another coordinator/ });
  });

  function throwsRefused(read: () => unknown): void {
    let name = 'nothing was thrown';
    try {
      read();
    } catch (error) {
      ({ name } = error as Error);
    }
    equal(name, 'Refused');
  }
});

describe('an answer of the audit log', () => {
  const log = new Log([...kindsOf(10), 'checkpoint-committed']);

  test('is trusted at the first visit, proven at the next, and kept each time', async () => {
    const first = await checkAudit(await log.answer(null), null, 7);
    deepEqual([first.verdict.state, new Set(verdicts(first)), first.visit], ['first', new Set(['proven']), { ...log.visit(11), atMs: 7 }]);
    for (const size of [0, 1, 8, 11]) {
      const next = await checkAudit(await log.answer(size), log.visit(size), 9);
      deepEqual(next.verdict.state === 'grown' && [next.verdict.since, next.verdict.head.size], [{ size, atMs: 5 }, 11]);
      notEqual(next.visit, null);
    }
  });

  test('with a forged leaf: that row is refused and shown, the others are proven', async () => {
    const answer = await log.answer(null);
    const forged = { ...leafOf('desktop-released', 4), epoch: 99 };
    const rows = answer.rows.map((row) => (row.index === 4 ? { ...row, kind: forged.kind, leaf: textOf(encodeLeaf(forged)) } : row));
    const checked = await checkAudit({ ...answer, rows }, null, 7);
    deepEqual(checked.rows.flatMap((row) => (row.state === 'refused' ? [[row.index, row.leaf?.epoch, row.text]] : [])), [[4, 99, 'the proof of the entry does not lead to the signed head']]);
  });

  test('with a cut proof, a wrong place, no leaf, or a list that says something else: that row is refused', async () => {
    const answer = await log.answer(null);
    const [row] = answer.rows;
    const wrong = [{ ...row!, inclusion: row!.inclusion.slice(1) }, { ...row!, inclusion: [] }, { ...row!, index: 3 }, { ...row!, index: 11 }, { ...row!, leaf: 'AAAA' }, { ...row!, kind: 'host-added' }, { ...row!, accountId: newId<AccountId>(systemRandom) }];
    const checked = await checkAudit({ ...answer, rows: wrong }, null, 7);
    deepEqual(verdicts(checked), wrong.map(() => 'refused'));
    equal(checked.verdict.state, 'first');
  });

  const refusal = async (answer: OperatorAudit, seen: Visit): Promise<string> => {
    const { verdict, visit, rows } = await checkAudit(answer, seen, 7);
    equal(visit, null, 'what was seen before stays');
    equal(rows.every(({ state }) => state === 'refused'), true, 'no row counts in a log that was refused');
    return verdict.state === 'refused' ? verdict.why : verdict.state;
  };

  test('of a log with another key or name is refused as another log', async () => {
    const other = new Log(kindsOf(11));
    equal(await refusal(await other.answer(5), log.visit(5)), 'other-log');
    equal(await refusal({ ...(await log.answer(5)), audience: 'another' }, log.visit(5)), 'other-log');
    // The old key on the label, the other one's signature below.
    equal(await refusal({ ...(await other.answer(5)), logKey: textOf(log.key.signPublic) }, log.visit(5)), 'head');
  });

  test('with a head that nobody signed is refused, at the first visit as well', async () => {
    const answer = await log.answer(null);
    const forged = { ...answer, head: textOf(flipped(log.head().bytes, 20)) };
    equal(await refusal(forged, log.visit(5)), 'head');
    equal((await checkAudit(forged, null, 7)).verdict.state, 'refused');
    equal((await checkAudit({ ...answer, logKey: 'AAAA' }, null, 7)).verdict.state, 'refused');
  });

  test('of a log that was rewound is refused, with both sizes', async () => {
    const rewound = { ...(await log.answer(null)), head: textOf(log.head(6).bytes) };
    const checked = await checkAudit(rewound, log.visit(9), 7);
    match(checked.verdict.state === 'refused' ? checked.verdict.text : '', /had 9 entries at the last visit and is shown with 6/);
    equal(await refusal(rewound, log.visit(9)), 'rewound');
  });

  test('of a log with another past is refused, and so is one whose growth is not proven', async () => {
    const answer = await log.answer(8);
    equal(await refusal({ ...answer, consistency: [] }, log.visit(7)), 'forked');
    equal(await refusal({ ...answer, consistency: answer.consistency.slice(1) }, log.visit(7)), 'forked');
    // The same key has signed another log of the same length, and of a shorter one.
    for (const size of [8, 11]) {
      const past = new Log(kindsOf(size).map(() => 'desktop-released'));
      const seen = textOf(signTreeHead({ audience, size, root: past.head().root, timeMs: 5 }, log.key.signSecret).bytes);
      equal(await refusal(await log.answer(size), { ...log.visit(size), head: seen }), 'forked');
    }
  });
});

describe('a visit to the audit log', () => {
  const kept = new Map<string, string>();
  const store = { getItem: (name: string) => kept.get(name) ?? null, setItem: (name: string, text: string) => void kept.set(name, text), removeItem: (name: string) => void kept.delete(name) };
  const visit = (): AuditVisit => new AuditVisit(store, () => 1234);
  const never = (): boolean => false;
  let log = new Log(kindsOf(6));
  /** As the coordinator: proves growth from what it is asked about, and refuses a head that it has never signed. */
  const answers = (of: Log) => async ({ seen }: { readonly seen?: string }): Promise<OperatorAudit> => {
    if (seen === undefined) return of.answer(null);
    const size = of.leaves.findIndex((_, index) => textOf(of.head(index + 1).bytes) === seen) + 1;
    if (size === 0) throw new Error('TREE_HEAD_INVALID');
    return of.answer(size);
  };
  const sizeOf = ({ seen }: AuditVisit): Promise<number> => openTreeHead(Uint8Array.from(Buffer.from(seen!.head, 'base64url')), { audience, logKey: bytesOf(log.key.signPublic) }).then(({ size }) => size);

  const found = ({ verdict }: AuditVisit): unknown => {
    if (verdict?.state === 'grown') return { state: 'grown', sinceSize: verdict.since.size, sinceMs: verdict.since.atMs, size: verdict.head.size };
    return verdict?.state === 'refused' ? { state: 'refused', why: verdict.why } : { state: verdict?.state };
  };

  test('trusts the first log that it sees, and the next visit proves that it has only grown since', async () => {
    const first = visit();
    await first.ask(answers(log), undefined, never);
    deepEqual([found(first), await sizeOf(first)], [{ state: 'first' }, 6]);
    log.append(leafOf('host-added', 6));
    const second = visit();
    const { rows } = await second.ask(answers(log), undefined, never);
    equal(rows.length, 7);
    deepEqual(found(second), { state: 'grown', sinceSize: 6, sinceMs: 1234, size: 7 });
    log.append(leafOf('host-added', 7));
    await second.ask(answers(log), undefined, never);
    deepEqual(found(second), { state: 'grown', sinceSize: 6, sinceMs: 1234, size: 8 }, 'since the visit before, up to now');
    equal(await sizeOf(second), 8);
  });

  test('refuses a rewound log, keeps what it knew, and does not forget the refusal', async () => {
    const third = visit();
    const rewound = async (): Promise<OperatorAudit> => ({ ...(await log.answer(null)), head: textOf(log.head(5).bytes) });
    await third.ask(rewound, undefined, never);
    deepEqual(found(third), { state: 'refused', why: 'rewound' });
    log.append(leafOf('host-added', 8));
    await third.ask(answers(log), undefined, never);
    deepEqual([found(third), await sizeOf(third), await sizeOf(visit())], [{ state: 'refused', why: 'rewound' }, 8, 8]);
  });

  test('asks a coordinator that does not know the head that was seen for what it has, and refuses that', async () => {
    const other = new Log(kindsOf(9));
    const fourth = visit();
    await rejects(fourth.ask(answers(other), undefined, never), /TREE_HEAD_INVALID/);
    await fourth.ask(answers(other), undefined, () => true);
    deepEqual(found(fourth), { state: 'refused', why: 'other-log' });
    equal(await sizeOf(visit()), 8);
    fourth.forget();
    await fourth.ask(answers(other), undefined, never);
    deepEqual(found(fourth), { state: 'first' });
    log = other;
    equal(await sizeOf(visit()), 9);
  });

  test('tells a damaged memory from a first visit', () => {
    store.setItem('godwit-audit-visit', 'x');
    equal(visit().kept.state, 'damaged');
  });
});
