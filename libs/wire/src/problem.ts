import { Fault, faultCodes, type FaultCode, type FaultJson, type FaultKind } from '@godwit/base';
import { problem, type Problem } from './problem-body.ts';

export { problem, type Problem };

export const problemMediaType = 'application/problem+json';

/** Total: a kind that is added to the catalogue does not compile until it has a status here. */
const statusByKind: Readonly<Record<FaultKind, number>> = {
  invalid: 400,
  denied: 403,
  conflict: 409,
  fenced: 412,
  unavailable: 503,
  corrupt: 422,
  internal: 500,
};

/** The codes whose HTTP status says more than their kind does. */
const statusByCode: Readonly<Partial<Record<FaultCode, number>>> = {
  REQUEST_UNSIGNED: 401,
  REQUEST_SIGNATURE_REFUSED: 401,
  REQUEST_TIME_SKEWED: 401,
  REQUEST_REPLAYED: 401,
  HOST_UNKNOWN: 401,
  SESSION_MISSING: 401,
  SESSION_NOT_FOUND: 404,
  OPERATOR_NOT_FOUND: 404,
  ACCOUNT_NOT_FOUND: 404,
  ROUTE_NOT_FOUND: 404,
  DESKTOP_NOT_FOUND: 404,
  CHECKPOINT_NOT_FOUND: 404,
  JOIN_NOT_FOUND: 404,
  LEAF_NOT_FOUND: 404,
  OBJECT_NOT_FOUND: 404,
  REQUEST_TIMED_OUT: 408,
  // What S3 answers to a PUT with `If-None-Match: *` on a key that exists: drivers see one status in both modes.
  OBJECT_EXISTS: 412,
  REQUEST_TOO_LARGE: 413,
  OBJECT_RANGE_REFUSED: 416,
  RATE_LIMITED: 429,
};

/** The HTTP status of a fault: its code's own, else its kind's. */
export function statusOf(code: FaultCode): number {
  return statusByCode[code] ?? statusByKind[faultCodes[code].kind];
}

export function problemOf(fault: Fault): Problem {
  const json: FaultJson = fault.toJSON();
  return {
    type: `https://godwit.invalid/faults/${json.code}`,
    title: faultCodes[json.code].title,
    status: statusOf(json.code),
    ...json,
    message: json.message.slice(0, 4096),
    ...(json.subject === undefined ? {} : { subject: json.subject.slice(0, 1024) }),
    ...(json.expected === undefined ? {} : { expected: json.expected.slice(0, 2048) }),
    ...(json.found === undefined ? {} : { found: json.found.slice(0, 2048) }),
  };
}

/** The fault that an answer carries; an answer that carries none (a proxy's page, a damaged body) becomes COORDINATOR_ANSWER_REFUSED. */
export function faultOf(status: number, body: unknown): Fault {
  const parsed = problem.safeParse(body);
  if (parsed.success) return Fault.fromJSON(dropUndefined(parsed.data));
  return new Fault('COORDINATOR_ANSWER_REFUSED', { expected: 'a problem document', found: `status ${status} without one` });
}

type FaultFields = Parameters<typeof Fault.fromJSON>[0];

function dropUndefined(body: Problem): FaultFields {
  const { code, message, hint, subject, expected, found } = body;
  return {
    code,
    message,
    hint,
    ...(subject === undefined ? {} : { subject }),
    ...(expected === undefined ? {} : { expected }),
    ...(found === undefined ? {} : { found }),
  };
}
