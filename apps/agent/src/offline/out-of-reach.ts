import type { Fault, FaultCode } from '@godwit/base';

/**
 * What says that coordinator or store cannot be had now, or has no room, and nothing else is wrong: then a suspend goes on without them. Neither an unknown
 * outcome (COMMIT_UNKNOWN, COMMIT_UNPROVEN) nor a coordinator that is not what it was (LOG_UNSOUND, LOG_REWOUND) is among them.
 */
const codes: ReadonlySet<FaultCode> = new Set(['COORDINATOR_UNREACHABLE', 'STORE_UNAVAILABLE', 'STORE_FULL', 'QUOTA_BYTES', 'DATABASE_UNAVAILABLE', 'REQUEST_TIMED_OUT', 'RATE_LIMITED']);

export function isOutOfReach({ code }: Fault): boolean {
  return codes.has(code);
}
