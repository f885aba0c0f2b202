import { z } from 'zod';
import { accountId, desktopId, hostId, timeMs } from '../values.ts';
import { move } from './moves.ts';

/**
 * What the coordinator sends on `GET /v1/operator/events?ticket=…`, one JSON object per message: news, not truth. A page reads what it shows
 * after each connect, and reads again what a message names. Pages send nothing.
 */
export const operatorMessage = z.discriminatedUnion('type', [
  z.object({ type: z.literal('hello'), timeMs }),
  /** Sent every 10 s: a page that hears nothing for 25 s says that its data is old. */
  z.object({ type: z.literal('still'), timeMs }),
  z.object({ type: z.literal('move'), move }),
  z.object({ type: z.literal('desktop-changed'), accountId, desktopId }),
  z.object({ type: z.literal('host-changed'), accountId, hostId }),
  z.object({ type: z.literal('store-changed') }),
  z.object({ type: z.literal('attention-changed') }),
]);
export type OperatorMessage = z.infer<typeof operatorMessage>;
/** The session has ended or was revoked: the page goes to the sign-in. 4008 as for hosts: too slow. */
export const sessionEndedCode = 4001;
