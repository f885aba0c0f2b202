/**
 * The catalogue of faults: every code Godwit can answer with, its kind, and what to do about it.
 * `docs/errors.md` is kept equal to this table by a test (`test/src/tidy`). One line per code, grouped by floor.
 */

/**
 * What the receiver of a fault has to do, which is the only thing callers may branch on:
 * - `invalid`      the request is wrong; change it
 * - `denied`       the caller may not do this
 * - `conflict`     the state of things forbids it now; look, then decide
 * - `fenced`       another host owns the desktop; stop at once and for good
 * - `unavailable`  something is out of reach or full; the same call may succeed later
 * - `corrupt`      bytes are not what they must be; never use them
 * - `internal`     a defect of Godwit
 */
export type FaultKind = 'invalid' | 'denied' | 'conflict' | 'fenced' | 'unavailable' | 'corrupt' | 'internal';

export interface FaultEntry {
  readonly kind: FaultKind;
  /** What happened, in lower case, without a period: it is printed after `godwit: error:`. */
  readonly title: string;
  /** The next step, printed after `godwit: hint:`. */
  readonly hint: string;
}

const entry = (kind: FaultKind, title: string, hint: string): FaultEntry => ({ kind, title, hint });

export const faultCodes = {
  // libs/base
  INTERNAL: entry('internal', 'a defect of Godwit', 'report it with the log of the agent or the coordinator'),
  CANCELLED: entry('conflict', 'the operation was cancelled', 'start it again when you are ready'),
  BYTES_TRUNCATED: entry('corrupt', 'the bytes end too early', 'the object or message is damaged; check where it comes from'),
  VALUE_OUT_OF_RANGE: entry('invalid', 'a value is outside its range', 'use a value in the range that is named'),
  // libs/qemu: QMP
  QMP_UNREACHABLE: entry('unavailable', "QEMU's control socket cannot be reached", "look at QEMU's own output in the log; it may have refused to start"),
  QMP_DISCONNECTED: entry('unavailable', 'QEMU closed its control socket', "QEMU has ended; look at its own output in the log"),
  QMP_COMMAND_FAILED: entry('conflict', 'QEMU refused a command', "the text is QEMU's own; it says what stands in the way"),
  QMP_PROTOCOL: entry('corrupt', 'the control socket does not speak QMP', 'check that the socket belongs to a supported QEMU'),
  QMP_TIMEOUT: entry('unavailable', 'QEMU did not answer in time', 'the machine may be overloaded; look at what QEMU is doing, then try again'),
  // libs/qemu: migration stream
  MIGRATION_CORRUPT: entry('corrupt', 'the migration stream is not well-formed', 'never load it; capture again, or resume from an older checkpoint'),
  MIGRATION_OVERSIZED: entry('corrupt', 'a length in the migration stream is over its limit', 'never load it; the limit and its reason stand beside the decoder'),
  MIGRATION_TRUNCATED: entry('corrupt', 'the migration stream ended too early', 'QEMU gave up or died; ask query-migrate and look at its log'),
  MIGRATION_UNSUPPORTED: entry('invalid', 'the migration stream uses something outside the machine contract', 'switch that capability or device off; only plain RAM pages and device state are understood'),
} as const satisfies Record<string, FaultEntry>;

export type FaultCode = keyof typeof faultCodes;
