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
} as const satisfies Record<string, FaultEntry>;

export type FaultCode = keyof typeof faultCodes;
