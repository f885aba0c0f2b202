import { Fault } from '@godwit/base';
import type { Message } from './message.ts';

/** A way out of the coordinator to somebody who operates it. */
export interface Channel {
  readonly name: 'webhook' | 'mail';
  /** Resolves when its receiver has taken the message. Ends within {@link patienceMs}, or with `signal`. Throws NOTIFY_FAILED. */
  tell(message: Message, signal: AbortSignal): Promise<void>;
}

/** On one message, from the name's lookup to the last byte of the answer. */
export const patienceMs = 15_000;

/** `found`: never the address, which may be the whole secret of a webhook. */
export function notTold(name: Channel['name'], found: string, cause?: unknown): Fault {
  return new Fault('NOTIFY_FAILED', { subject: name, found, ...(cause === undefined ? {} : { cause }) });
}
