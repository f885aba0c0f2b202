import type { IncomingMessage, ServerResponse } from 'node:http';
import { Fault } from '@godwit/base';

/** A pack of 8 MiB in this time is 70 KiB/s: slower lines need smaller packs and ranges, not an endless transfer. */
const transferLimitMs = 120_000;

/** Receives or sends an object within its time: later its bytes stop, and what was written is removed. */
export async function withinTime<Result>(transfer: IncomingMessage | ServerResponse, act: () => Promise<Result>): Promise<Result> {
  const timer = setTimeout(() => transfer.destroy(new Fault('REQUEST_TIMED_OUT', { expected: `the object within ${transferLimitMs} ms` })), transferLimitMs);
  try {
    return await act();
  } finally {
    clearTimeout(timer);
  }
}
