import { z } from 'zod';
import { checkpoint, owner } from './desktops.ts';
import { arrivalOrder, departureState, tellArrivalBody } from './leases.ts';
import { accountId, byteCount, desktopId, desktopName, epoch, hostId, hostName, timeMs } from './values.ts';

/**
 * What the coordinator sends on `GET /v1/events`, one JSON object per WebSocket text message. The stream is news, not truth:
 * it may have gaps (a slow client is cut, a connection breaks), so after each connect a client reads what it cares about.
 * Clients send nothing; a client that does is cut.
 */
export const eventMessage = z.discriminatedUnion('type', [
  z.object({ type: z.literal('hello'), accountId, hostId, timeMs }),
  /** Created, acquired, released or committed. */
  z.object({
    type: z.literal('desktop-changed'),
    desktopId,
    name: desktopName,
    owner: owner.nullable(),
    epoch,
    head: checkpoint.nullable(),
  }),
  /** Another host of the account asks the holder to suspend it. */
  z.object({ type: z.literal('departure-asked'), desktopId, epoch, by: hostName }),
  /** How that departure goes. */
  z.object({ type: z.literal('departure-told'), desktopId, epoch, state: departureState, phase: z.string(), doneBytes: byteCount, totalBytes: byteCount.nullable(), found: z.string().nullable() }),
  /** Whoever asked does not want it any more: the holder rolls back, as far as that still goes. */
  z.object({ type: z.literal('departure-called-off'), desktopId, epoch, by: hostName }),
  /** Another host of the account orders the host `to` to resume a desktop. What counts is the signature in the order. */
  z.object({ type: z.literal('arrival-asked'), desktopId, to: hostId, by: hostName, order: arrivalOrder }),
  /** How that goes, as the host says that was asked. */
  z.object({ type: z.literal('arrival-told'), desktopId, host: hostId, ...tellArrivalBody.shape }),
  z.object({ type: z.literal('host-joined'), hostId, name: hostName, chainLength: z.int().min(1) }),
  z.object({ type: z.literal('host-revoked'), hostId, chainLength: z.int().min(1) }),
]);
export type EventMessage = z.infer<typeof eventMessage>;

/** WebSocket close codes of the stream (4000-4999 are for applications). */
export const closeCodes = {
  /** The client did not take what was queued for it; connect again and read the state. */
  tooSlow: 4008,
  /** The host was revoked. */
  revoked: 4003,
  /** An operator keeps the host out. */
  barred: 4004,
  /** The client sent something. */
  notAllowed: 4009,
} as const;
