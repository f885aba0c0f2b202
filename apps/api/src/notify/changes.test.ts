import { deepEqual, equal, ok } from 'node:assert/strict';
import { test } from 'node:test';
import type { Attention, ShownAttention } from '@godwit/wire';
import { changesOf, noticesMax, type Changes, type Look, type Told } from './changes.ts';

const goneAfterMs = 600;
type Severity = Attention['severity'];
const entry = (id: string, severity: Severity = 'medium', text = id): Attention => ({ id, code: 'HOST_LOST', severity, text, nextStep: 'x', sinceMs: 1, accountId: null, desktopId: null, hostId: null });
const shown = (id: string, severity: Severity = 'medium', by?: string): ShownAttention => ({ ...entry(id, severity), acknowledged: by === undefined ? null : { operatorName: by, timeMs: 2 } });
const told = (id: string, severity: Severity = 'medium', missingMs: number | null = null): Told => ({ entry: entry(id, severity), missingMs });
const look = (list: ShownAttention[], nowMs = 1_000, isCut = false): Look => ({ list, nowMs, isCut });
const said = ({ notices }: Changes): string[] => notices.map(({ change, id }) => `${change} ${id}`);

test('what was not told is new, what is worse than it was told is worse, and the same is nothing', () => {
  const changes = changesOf([told('same'), told('grown', 'low')], look([shown('grown', 'high'), shown('same'), shown('first')]), goneAfterMs);
  deepEqual(said(changes), ['worse grown', 'new first']);
  deepEqual(changes.notices[1], { ...entry('first'), change: 'new' });
  deepEqual([changes.missing, changes.back, changes.eased], [[], [], []]);
});

test('what has become better is told to nobody, and that it is worse again is', () => {
  const eased = changesOf([told('a', 'high')], look([shown('a', 'low')]), goneAfterMs);
  deepEqual([said(eased), eased.eased], [[], [entry('a', 'low')]]);
  deepEqual(said(changesOf([{ entry: eased.eased[0]!, missingMs: null }], look([shown('a', 'medium')]), goneAfterMs)), ['worse a']);
});

test('what somebody takes care of is quiet until nobody does', () => {
  deepEqual(said(changesOf([told('b', 'low')], look([shown('a', 'high', 'Ada'), shown('b', 'high', 'Ada')]), goneAfterMs)), []);
  deepEqual(said(changesOf([told('b', 'low')], look([shown('a', 'high'), shown('b', 'high')]), goneAfterMs)), ['new a', 'worse b']);
});

test('what is gone is told when it has been for a while, and what comes and goes is not', () => {
  const first = changesOf([told('a')], look([], 1_000), goneAfterMs);
  deepEqual([said(first), first.missing], [[], ['a']]);
  deepEqual(said(changesOf([told('a', 'medium', 1_000)], look([], 1_599), goneAfterMs)), []);
  deepEqual(said(changesOf([told('a', 'medium', 1_000)], look([], 1_600), goneAfterMs)), ['gone a']);
  const back = changesOf([told('a', 'medium', 1_000)], look([shown('a')], 1_700), goneAfterMs);
  deepEqual([said(back), back.back], [[], ['a']]);
});

test('of a list that is cut nothing is known to be gone', () => {
  const changes = changesOf([told('a', 'medium', 1), told('b')], look([shown('c')], 1_000_000, true), goneAfterMs);
  deepEqual([said(changes), changes.missing], [['new c'], []]);
});

test('a whole rack at once is told in messages of a hundred, the worst first, each once', () => {
  const list = Array.from({ length: 150 }, (_, n) => shown(`h${n}`, n < 120 ? 'high' : 'low'));
  const first = changesOf([], look(list), goneAfterMs).notices;
  equal(first.length, noticesMax);
  ok(first.every(({ severity }) => severity === 'high'));
  const second = changesOf(first.map((notice) => ({ entry: notice, missingMs: null })), look(list), goneAfterMs).notices;
  equal(second.length, 50);
  equal(new Set([...first, ...second].map(({ id }) => id)).size, 150);
});

/** A small generator with a seed: the same steps each time. */
function dice(seed: number): (sides: number) => number {
  let state = seed;
  return (sides) => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return Math.floor((state / 2 ** 32) * sides);
  };
}

test('whatever happens: whoever adds up what was told knows what is, once it has been so for long enough', () => {
  const severities = ['low', 'medium', 'high'] as const;
  for (let seed = 1; seed <= 200; seed++) {
    const roll = dice(seed);
    let kept: Told[] = [];
    const heard = new Set<string>();
    let list: ShownAttention[] = [];
    const step = (nowMs: number): Changes => {
      const changes = changesOf(kept, look(list, nowMs), goneAfterMs);
      for (const { id, change } of changes.notices) {
        ok(change === 'new' ? !heard.has(id) : heard.has(id), `${change} ${id} of seed ${seed}`);
        if (change === 'gone') heard.delete(id);
        else heard.add(id);
      }
      const byId = new Map(kept.map((each) => [each.entry.id, each]));
      for (const { change, ...rest } of changes.notices) if (change === 'gone') byId.delete(rest.id); else byId.set(rest.id, { entry: rest, missingMs: byId.get(rest.id)?.missingMs ?? null });
      for (const eased of changes.eased) byId.set(eased.id, { entry: eased, missingMs: byId.get(eased.id)!.missingMs });
      for (const id of changes.missing) byId.set(id, { entry: byId.get(id)!.entry, missingMs: nowMs });
      for (const id of changes.back) byId.set(id, { entry: byId.get(id)!.entry, missingMs: null });
      kept = [...byId.values()];
      return changes;
    };
    for (let at = 0; at < 40; at++) {
      list = ['a', 'b', 'c', 'd'].filter(() => roll(2) === 0).map((id) => shown(id, severities[roll(3)], roll(4) === 0 ? 'Ada' : undefined));
      step(at * 250);
    }
    list = list.map((each) => ({ ...each, acknowledged: null }));
    for (const nowMs of [20_000, 20_700]) step(nowMs);
    deepEqual([...heard].sort(), list.map(({ id }) => id).sort());
    deepEqual(step(30_000).notices, [], 'nothing is told twice');
  }
});
