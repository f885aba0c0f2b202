import { type Fault, type FaultCode, type FaultKind } from '@godwit/base';

/**
 * Exit codes of the CLI. 3, 4, 8, 10, 11, 12 and 130 mean what they mean in gh and restic, 69 what sysexits says, 143 what shells say of SIGTERM. An unknown one is a failure.
 */
export const exitCodes = {
  done: 0,
  failed: 1,
  usage: 2,
  partlyDone: 3,
  notEnrolled: 4,
  heldElsewhere: 5,
  unknownOutcome: 6,
  hostUnfit: 7,
  pending: 8,
  noSuchThing: 10,
  busy: 11,
  wrongWords: 12,
  unreachable: 69,
  cancelled: 130,
  terminated: 143,
} as const;

/** What the names of exit codes mean to a person. */
export const exitCodeMeanings: Readonly<Record<keyof typeof exitCodes, string>> = {
  done: 'done',
  failed: 'failed; the code says why',
  usage: 'the command line is wrong',
  partlyDone: 'done in part: suspended, and saved on this machine only; or left one host and did not arrive at the other',
  notEnrolled: 'this host belongs to no account, or no more',
  heldElsewhere: 'another host owns the desktop',
  unknownOutcome: 'it is not known whether it happened: do not close the lid, look at `godwit status`',
  hostUnfit: 'this host cannot run the desktop, or lacks QEMU',
  pending: 'not done yet; wait or start it again',
  noSuchThing: 'no desktop, or no waiting machine, of that name',
  busy: 'another operation on this desktop is under way',
  wrongWords: 'the recovery words are wrong',
  unreachable: 'agent, coordinator or store is out of reach',
  cancelled: 'cancelled with Ctrl-C',
  terminated: 'ended by SIGTERM; the agent goes on with what it was asked for',
};

const byCode: Partial<Record<FaultCode, number>> = {
  ARGUMENT_INVALID: exitCodes.usage,
  NOT_ENROLLED: exitCodes.notEnrolled,
  HOST_UNKNOWN: exitCodes.notEnrolled,
  HOST_REVOKED: exitCodes.notEnrolled,
  LOCKED: exitCodes.notEnrolled,
  DESKTOP_HELD_ELSEWHERE: exitCodes.heldElsewhere,
  EPOCH_FENCED: exitCodes.heldElsewhere,
  HOLDER_IN_REACH: exitCodes.heldElsewhere,
  ARRIVAL_FAILED: exitCodes.partlyDone,
  COMMIT_UNKNOWN: exitCodes.unknownOutcome,
  COMMIT_UNPROVEN: exitCodes.unknownOutcome,
  AGENT_LOST: exitCodes.unknownOutcome,
  CALLER_LEFT: exitCodes.unknownOutcome,
  HOST_UNFIT: exitCodes.hostUnfit,
  QEMU_MISSING: exitCodes.hostUnfit,
  QEMU_USER_MISSING: exitCodes.hostUnfit,
  JOIN_EXPIRED: exitCodes.pending,
  DESKTOP_FILLING: exitCodes.pending,
  WAIT_TIMED_OUT: exitCodes.pending,
  DESKTOP_NOT_FOUND: exitCodes.noSuchThing,
  JOIN_NOT_FOUND: exitCodes.noSuchThing,
  DEVICE_UNKNOWN: exitCodes.noSuchThing,
  DESKTOP_BUSY: exitCodes.busy,
  RECOVERY_WORDS_WRONG: exitCodes.wrongWords,
  PASSPHRASE_WRONG: exitCodes.wrongWords,
  COORDINATOR_UNREACHABLE: exitCodes.unreachable,
  AGENT_UNREACHABLE: exitCodes.unreachable,
  STORE_UNAVAILABLE: exitCodes.unreachable,
  HOST_OUT_OF_REACH: exitCodes.unreachable,
  CANCELLED: exitCodes.cancelled,
};

const byKind: Record<FaultKind, number> = {
  invalid: exitCodes.failed,
  denied: exitCodes.failed,
  conflict: exitCodes.failed,
  fenced: exitCodes.heldElsewhere,
  unavailable: exitCodes.failed,
  corrupt: exitCodes.failed,
  internal: exitCodes.failed,
};

export function exitCodeOf(fault: Fault): number {
  return byCode[fault.code] ?? byKind[fault.kind];
}
