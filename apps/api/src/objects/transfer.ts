import type { Request } from 'express';
import { Fault } from '@godwit/base';

/** A pack of 8 MiB in this time is 70 KiB/s: slower lines need smaller packs, not an endless upload. */
const uploadLimitMs = 120_000;

/** Receives an upload within its time: later its bytes stop, and what was written is removed. */
export async function withinTime<Result>(request: Request, receive: () => Promise<Result>): Promise<Result> {
  const late = new Fault('REQUEST_TIMED_OUT', { expected: `the object within ${uploadLimitMs} ms` });
  const timer = setTimeout(() => request.destroy(late), uploadLimitMs);
  try {
    return await receive();
  } finally {
    clearTimeout(timer);
  }
}
