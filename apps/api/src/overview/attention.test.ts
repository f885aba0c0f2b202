import { deepEqual, equal, ok } from 'node:assert/strict';
import { test } from 'node:test';
import type { AccountId, DesktopId, HostId } from '@godwit/base';
import { attention } from '@godwit/wire';
import { attend, attentionMax, type ExposedDesktop, type Facts, type LostHost, type TroubledMove } from './attention.ts';

const hourMs = 3_600_000;
const dayMs = 24 * hourMs;
const nowMs = 1_800_000_000_000;
const accountId = '0a'.repeat(16) as AccountId;
const hostOf = (n: number) => n.toString(16).padStart(32, '0') as HostId;
const desktopOf = (n: number) => `d${n.toString(16).padStart(31, '0')}` as DesktopId;

const quiet: Facts = {
  nowMs, version: '1.4.0', lostHosts: [], exposed: [], moves: [], oldHosts: [], damaged: [], failedJobs: [],
  scrub: { oldestMs: nowMs - 6 * dayMs, againMs: 7 * dayMs }, store: { usedBytes: 50 * 2 ** 30, freeBytes: 50 * 2 ** 30, fullAtMs: null },
};
const lost = (n: number, holds = ['work']): LostHost => ({ accountId, hostId: hostOf(n), name: `laptop-${n}`, sinceMs: nowMs - 2 * dayMs, holds });
const bare = (n: number, host: number): ExposedDesktop => ({ accountId, desktopId: desktopOf(n), name: `work-${n}`, hostId: hostOf(host), hostName: `laptop-${host}`, sinceMs: nowMs - 3 * dayMs, hasCheckpoint: true });
const move = (n: number, host: number, trouble: TroubledMove['trouble'], fault: string | null = null): TroubledMove => ({
  accountId, desktopId: desktopOf(n), name: `work-${n}`, hostId: hostOf(host), hostName: `laptop-${host}`, kind: 'suspend', trouble, phase: 'upload', fault, sinceMs: nowMs - hourMs,
});
const codes = (facts: Partial<Facts>) => attend({ ...quiet, ...facts }).map(({ code }) => code);

test('a fleet in order needs nobody', () => {
  deepEqual(attend(quiet), []);
});

test('each fact becomes one entry that says what is, for how long, and what to do', () => {
  const facts: Facts = {
    ...quiet,
    lostHosts: [lost(1, ['a', 'b', 'c', 'd', 'e'])], exposed: [bare(2, 2), { ...bare(3, 2), hasCheckpoint: false }], moves: [move(4, 3, 'silent'), move(5, 3, 'failed', 'STORE_DENIED')],
    oldHosts: [{ accountId, hostId: hostOf(4), name: 'attic', version: '1.1.0', sinceMs: nowMs - 9 * dayMs }],
    damaged: [{ accountId, desktopId: desktopOf(6), name: 'files', objects: 2, sinceMs: nowMs - hourMs }],
    failedJobs: [{ job: 'prune', fault: 'STORE_FULL: no room', sinceMs: nowMs - 5 * hourMs }],
    scrub: { oldestMs: nowMs - 15 * dayMs, againMs: 7 * dayMs }, store: { usedBytes: 99 * 2 ** 30, freeBytes: 2 ** 30, fullAtMs: nowMs + 2 * dayMs },
  };
  const list = attend(facts);
  deepEqual(list.map(({ code, severity }) => [code, severity]), [
    ['DESKTOP_UNPROTECTED', 'high'], ['HOST_LOST', 'high'], ['MOVE_STUCK', 'high'], ['SCRUB_FAILED', 'high'], ['STORE_FILLING', 'high'],
    ['SCRUB_BEHIND', 'medium'], ['DESKTOP_UNPROTECTED', 'medium'], ['JOB_FAILED', 'medium'], ['MOVE_FAILED', 'medium'], ['HOST_OUT_OF_DATE', 'low'],
  ]);
  for (const entry of list) {
    deepEqual(attention.parse(entry), entry);
    ok(entry.nextStep.endsWith('.') && entry.sinceMs <= nowMs);
  }
  equal(list[1]!.text, 'laptop-1 is out of reach and holds a, b, c and 2 more: what was done there since the newest checkpoint is on it alone');
  equal(list[2]!.text, 'The suspend of work-4 on laptop-3 told of its phase upload last and nothing since');
  equal(list[4]!.text, 'The store has 1.0 GiB left, enough for 2 days at the growth of the last week');
  equal(list[8]!.text, 'The suspend of work-5 on laptop-3 failed: the store refuses this operation (STORE_DENIED)');
  equal(list[8]!.nextStep, 'Check that this host still holds the desktop and is not revoked.');
});

test('a lost host hides what follows from it: its moves, its desktops without protection, its old version', () => {
  deepEqual(codes({ lostHosts: [lost(1)], exposed: [bare(1, 1)], moves: [move(1, 1, 'silent')], oldHosts: [{ accountId, hostId: hostOf(1), name: 'laptop-1', version: '1.1.0', sinceMs: 0 }] }), ['HOST_LOST']);
  deepEqual(codes({ lostHosts: [lost(1)], exposed: [bare(2, 2)] }), ['HOST_LOST', 'DESKTOP_UNPROTECTED']);
});

test('a move in trouble hides that its desktop is unprotected, and says so itself', () => {
  const [entry, ...rest] = attend({ ...quiet, exposed: [bare(1, 1)], moves: [move(1, 1, 'failed', 'STORE_DENIED')] });
  deepEqual(rest, []);
  deepEqual([entry!.code, entry!.severity], ['MOVE_FAILED', 'high']);
  ok(entry!.text.endsWith('; its newest checkpoint is older than a day'));
});

test('two accounts may have desktops of one id: the trouble of one hides nothing of the other', () => {
  deepEqual(codes({ exposed: [{ ...bare(1, 2), accountId: '0b'.repeat(16) as AccountId }], moves: [move(1, 1, 'failed')] }).sort(), ['DESKTOP_UNPROTECTED', 'MOVE_FAILED']);
});

test('a scrub that fails is not also said to be behind', () => {
  const scrub = { oldestMs: nowMs - 30 * dayMs, againMs: 7 * dayMs };
  deepEqual(codes({ scrub }), ['SCRUB_BEHIND']);
  deepEqual(codes({ scrub, failedJobs: [{ job: 'scrub', fault: 'an error', sinceMs: 0 }] }), ['JOB_FAILED']);
  deepEqual(codes({ scrub, failedJobs: [{ job: 'prune', fault: 'an error', sinceMs: nowMs }] }), ['SCRUB_BEHIND', 'JOB_FAILED']);
});

test('the store is told of by what is left and by when it is full, never when that is not known', () => {
  const gib = 2 ** 30;
  const severity = (freeGib: number | null, fullInDays: number | null) =>
    attend({ ...quiet, store: { usedBytes: 100 * gib, freeBytes: freeGib === null ? null : freeGib * gib, fullAtMs: fullInDays === null ? null : nowMs + fullInDays * dayMs } })[0]?.severity;
  deepEqual([severity(100, null), severity(100, 15), severity(100, 13), severity(100, 2), severity(10, null), severity(1, null), severity(null, 1)], [undefined, undefined, 'medium', 'high', 'medium', 'high', undefined]);
});

test('an unknown fault of a newer agent is told without a title, and no code reaches into the prototype', () => {
  for (const fault of ['BRAND_NEW', 'toString', 'constructor']) {
    const [entry] = attend({ ...quiet, moves: [move(1, 1, 'failed', fault)] });
    equal(entry!.text, `The suspend of work-1 on laptop-1 failed: an error (${fault})`);
    equal(entry!.nextStep, 'See the log of the agent on laptop-1.');
  }
});

/** A small generator with a seed: the same facts each time. */
function dice(seed: number): (sides: number) => number {
  let state = seed;
  return (sides) => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return Math.floor((state / 2 ** 32) * sides);
  };
}

test('whatever the facts: bounded, worst first, ids once each, no consequence beside its cause, and the order of the facts does not matter', () => {
  for (let seed = 1; seed <= 300; seed++) {
    const roll = dice(seed);
    const some = <Item>(most: number, make: (n: number) => Item) => Array.from({ length: roll(most + 1) }, (_, n) => make(n));
    const facts: Facts = {
      ...quiet,
      lostHosts: some(roll(8) === 0 ? 400 : 4, (n) => ({ ...lost(n), sinceMs: nowMs - roll(100) })),
      exposed: some(roll(8) === 0 ? 400 : 6, (n) => ({ ...bare(n, roll(8)), hasCheckpoint: roll(2) === 0 })),
      moves: some(6, (n) => move(n, roll(8), (['silent', 'still', 'unknown', 'failed'] as const)[roll(4)]!)),
      oldHosts: some(8, (n) => ({ accountId, hostId: hostOf(n), name: `h${n}`, version: '0.1.0', sinceMs: roll(1000) })),
      failedJobs: some(1, () => ({ job: 'scrub', fault: 'an error', sinceMs: nowMs - roll(50) })),
      scrub: { oldestMs: nowMs - roll(40) * dayMs, againMs: 7 * dayMs },
      store: { usedBytes: 100, freeBytes: roll(60), fullAtMs: nowMs + roll(30) * dayMs },
    };
    const list = attend(facts);
    ok(list.length <= attentionMax);
    equal(new Set(list.map(({ id }) => id)).size, list.length);
    const rank = list.map(({ severity }) => ['high', 'medium', 'low'].indexOf(severity));
    ok(rank.every((value, index) => index === 0 || value >= rank[index - 1]!));
    const gone = new Set(facts.lostHosts.map(({ hostId }) => hostId));
    ok(list.every(({ code, hostId }) => code === 'HOST_LOST' || hostId === null || !gone.has(hostId)));
    const moving = new Set(list.filter(({ code }) => code.startsWith('MOVE_')).map(({ desktopId }) => desktopId));
    ok(list.every(({ code, desktopId }) => code !== 'DESKTOP_UNPROTECTED' || !moving.has(desktopId)));
    const turned = { ...facts, lostHosts: facts.lostHosts.toReversed(), exposed: facts.exposed.toReversed(), moves: facts.moves.toReversed(), oldHosts: facts.oldHosts.toReversed() };
    deepEqual(attend(turned), list);
  }
});
