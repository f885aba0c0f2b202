import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { Fault, faultCodes, type FaultCode } from '@godwit/base';
import { exitCodeOf, exitCodes } from './exit-code.ts';

const codes = Object.keys(faultCodes) as FaultCode[];
const exitOf = (code: FaultCode): number => exitCodeOf(new Fault(code));

describe('exit codes', () => {
  test('are these numbers: scripts of users hold them', () => {
    assert.deepEqual(exitCodes, {
      done: 0, failed: 1, usage: 2, partlyDone: 3, notEnrolled: 4, heldElsewhere: 5, unknownOutcome: 6, hostUnfit: 7, pending: 8, noSuchThing: 10, busy: 11, wrongWords: 12, unreachable: 69, cancelled: 130, terminated: 143,
    });
  });

  test('of every fault there is are among them, and never say that it is done', () => {
    const known = new Set<number>(Object.values(exitCodes));
    for (const code of codes) {
      assert.ok(known.has(exitOf(code)), code);
      assert.notEqual(exitOf(code), exitCodes.done, code);
    }
  });

  test('a fenced host always says that the desktop is held elsewhere', () => {
    for (const code of codes.filter((each) => faultCodes[each].kind === 'fenced')) assert.equal(exitOf(code), exitCodes.heldElsewhere, code);
  });

  const named: [FaultCode, keyof typeof exitCodes][] = [
    ['INTERNAL', 'failed'], ['DISK_FULL', 'failed'], ['ARGUMENT_INVALID', 'usage'], ['NOT_ENROLLED', 'notEnrolled'], ['DESKTOP_HELD_ELSEWHERE', 'heldElsewhere'], ['COMMIT_UNKNOWN', 'unknownOutcome'],
    ['AGENT_LOST', 'unknownOutcome'], ['HOST_UNFIT', 'hostUnfit'], ['DESKTOP_FILLING', 'pending'], ['DESKTOP_NOT_FOUND', 'noSuchThing'], ['DESKTOP_BUSY', 'busy'], ['RECOVERY_WORDS_WRONG', 'wrongWords'],
    ['COORDINATOR_UNREACHABLE', 'unreachable'], ['AGENT_UNREACHABLE', 'unreachable'], ['CANCELLED', 'cancelled'],
  ];
  for (const [code, name] of named) test(`${code} is ${name}`, () => assert.equal(exitOf(code), exitCodes[name]));

  test('a fault of a newer agent is a failure', () => assert.equal(exitCodeOf(Fault.fromJSON({ code: 'NOT_YET_KNOWN' })), exitCodes.failed));
});
