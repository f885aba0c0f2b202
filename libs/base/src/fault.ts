import { faultCodes, type FaultCode, type FaultKind } from './fault-codes.ts';

export interface FaultDetail {
  /** What had to be true, as a noun phrase with its value: `epoch 7`. */
  readonly expected?: string;
  /** What was found instead: `epoch 6`. */
  readonly found?: string;
  /** What it concerns: a name, a path, an id. Never a secret. */
  readonly subject?: string;
  /** Replaces the catalogue's next step where the place of the fault knows a better one. */
  readonly hint?: string;
  readonly cause?: unknown;
}

/** The form in which a fault crosses a process boundary (API, control socket, `--json`). */
export interface FaultJson {
  readonly code: FaultCode;
  readonly kind: FaultKind;
  readonly message: string;
  readonly subject?: string;
  readonly expected?: string;
  readonly found?: string;
  readonly hint: string;
}

/**
 * The one error type of Godwit. Its code is stable API, its kind says what the caller must do, its message is for people.
 * The message never holds the text of its cause: causes are for the log.
 */
export class Fault extends Error {
  readonly code: FaultCode;
  readonly kind: FaultKind;
  readonly subject: string | undefined;
  readonly expected: string | undefined;
  readonly found: string | undefined;
  readonly hint: string;

  constructor(code: FaultCode, detail: FaultDetail = {}) {
    const { title, kind, hint } = faultCodes[code];
    super(describe(title, detail), detail.cause === undefined ? undefined : { cause: detail.cause });
    this.name = 'Fault';
    this.code = code;
    this.kind = kind;
    this.subject = detail.subject;
    this.expected = detail.expected;
    this.found = detail.found;
    this.hint = detail.hint ?? hint;
  }

  toJSON(): FaultJson {
    return {
      code: this.code,
      kind: this.kind,
      message: this.message,
      ...(this.subject === undefined ? {} : { subject: this.subject }),
      ...(this.expected === undefined ? {} : { expected: this.expected }),
      ...(this.found === undefined ? {} : { found: this.found }),
      hint: this.hint,
    };
  }

  /** Rebuilds a fault that crossed a process boundary. An unknown code (a newer peer) becomes INTERNAL with its message kept. */
  static fromJSON(json: { code: string; expected?: string; found?: string; subject?: string; hint?: string; message?: string }): Fault {
    const known = Object.hasOwn(faultCodes, json.code);
    const fault = new Fault(known ? (json.code as FaultCode) : 'INTERNAL', json);
    if (json.message !== undefined) fault.message = json.message;
    return fault;
  }

  /** The fault itself, or INTERNAL with `error` as its cause: for the edges where anything may have been thrown. */
  static from(error: unknown): Fault {
    return error instanceof Fault ? error : new Fault('INTERNAL', { cause: error, found: error instanceof Error ? error.name : typeof error });
  }
}

function describe(title: string, { subject, expected, found }: FaultDetail): string {
  const about = subject === undefined ? '' : ` (${subject})`;
  if (expected !== undefined && found !== undefined) return `${title}${about}: expected ${expected}, found ${found}`;
  if (expected !== undefined) return `${title}${about}: expected ${expected}`;
  if (found !== undefined) return `${title}${about}: found ${found}`;
  return `${title}${about}`;
}
