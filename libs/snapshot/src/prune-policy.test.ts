import { deepEqual, equal, ok, throws } from 'node:assert/strict';
import { before, test } from 'node:test';
import fc from 'fast-check';
import { newId, systemRandom, type DesktopId } from '@godwit/base';
import { createDevice, cryptoReady, sign } from '@godwit/crypto';
import { droppedBy, openPolicy, policyBytes, retentionMax, signPolicy, type DatedCheckpoint, type Retention } from './prune-policy.ts';

before(cryptoReady);

const hourMs = 3_600_000;
const retention = fc.record({ last: fc.nat(6), hourly: fc.nat(6), daily: fc.nat(6) });
/** A line as it grows: sequences with gaps (pruned before), times mostly ascending, sometimes not (a clock set back). */
const line = fc.array(fc.record({ gap: fc.integer({ min: 1, max: 3 }), stepMs: fc.integer({ min: -hourMs, max: 30 * hourMs }) }), { minLength: 1, maxLength: 60 }).map((steps) => {
  const checkpoints: DatedCheckpoint[] = [];
  let sequence = 0;
  let acknowledgedMs = 1_750_000_000_000;
  for (const { gap, stepMs } of steps) checkpoints.push({ sequence: (sequence += gap), acknowledgedMs: (acknowledgedMs += stepMs) });
  return checkpoints;
});

/** One checkpoint at a time, in words: is there a rule that wants it? */
function wanted(rules: Retention, all: readonly DatedCheckpoint[], one: DatedCheckpoint): boolean {
  const newer = all.filter(({ sequence }) => sequence > one.sequence);
  if (newer.length < Math.max(1, rules.last)) return true;
  return ([[rules.hourly, hourMs], [rules.daily, 24 * hourMs]] as const).some(([most, spanMs]) => {
    const spanOf = ({ acknowledgedMs }: DatedCheckpoint): number => Math.floor(acknowledgedMs / spanMs);
    const newestOfItsSpan = !newer.some((other) => spanOf(other) === spanOf(one));
    const laterSpans = new Set(all.map(spanOf).filter((span) => span > spanOf(one)));
    return newestOfItsSpan && laterSpans.size < most;
  });
}

test('what is dropped is exactly what no rule wants, whatever the order it is asked in', () => {
  fc.assert(
    fc.property(retention, line, (rules, checkpoints) => {
      const dropped = droppedBy(rules, [...checkpoints].reverse());
      deepEqual(dropped, checkpoints.filter((one) => !wanted(rules, checkpoints, one)).map(({ sequence }) => sequence));
      ok(!dropped.includes(checkpoints.at(-1)!.sequence), 'the head stays');
    }),
  );
});

test('pruning twice is pruning once, and a more generous rule never drops more', () => {
  fc.assert(
    fc.property(retention, line, fc.constantFrom('last', 'hourly', 'daily'), (rules, checkpoints, rule) => {
      const dropped = new Set(droppedBy(rules, checkpoints));
      deepEqual(droppedBy(rules, checkpoints.filter(({ sequence }) => !dropped.has(sequence))), []);
      for (const sequence of droppedBy({ ...rules, [rule]: rules[rule] + 1 }, checkpoints)) ok(dropped.has(sequence));
    }),
  );
});

test('a policy opens as it was signed; every flipped byte, another length, another key and no rule are refused', () => {
  const signer = createDevice(systemRandom);
  const wish = { desktopId: newId<DesktopId>(systemRandom), signedMs: 1_750_000_000_000, last: 3, hourly: 24, daily: 7 };
  const bytes = signPolicy(wish, signer);
  equal(bytes.length, policyBytes);
  deepEqual(openPolicy(bytes, signer.signPublic), { ...wish, hostId: signer.hostId });
  for (let at = 0; at < bytes.length; at += 1) {
    const flipped = Buffer.from(bytes);
    flipped.writeUInt8(flipped.readUInt8(at) ^ 1, at);
    throws(() => openPolicy(flipped, signer.signPublic), ({ code }: { code?: string }) => code === 'POLICY_INVALID' || code === 'SIGNATURE_INVALID');
  }
  for (const cut of [0, 1, policyBytes - 1]) throws(() => openPolicy(bytes.subarray(0, cut), signer.signPublic), { code: 'POLICY_INVALID' });
  throws(() => openPolicy(bytes, createDevice(systemRandom).signPublic), { code: 'SIGNATURE_INVALID' });
  for (const rules of [{ last: 0, hourly: 0, daily: 0 }, { last: retentionMax + 1, hourly: 0, daily: 0 }, { last: 1.5, hourly: 0, daily: 0 }]) throws(() => signPolicy({ ...wish, ...rules }, signer), { code: 'VALUE_OUT_OF_RANGE' });
  const nothing = Buffer.concat([bytes.subarray(0, policyBytes - 64 - 12), Buffer.alloc(12)]);
  throws(() => openPolicy(Buffer.concat([nothing, sign('policy', nothing, signer.signSecret)]), signer.signPublic), { code: 'POLICY_INVALID' });
});
