import { z } from 'zod';
import { hostId, hostName, desktopId, epoch, orderId, sha256, timeMs, boundedBytes, byteCount } from './values.ts';
import { renewalsLimit } from './lease-times.ts';
import { arrivalOrderLimitBytes, offlinePolicyLimitBytes } from './limits.ts';

/** Renewing leases, asking holders, taking over, and the policy that says whether a desktop may run without word from the coordinator. */

/**
 * `keep`: the holder stays the holder until it releases or its user takes over; it runs on without a network. `stop` (strict): it has a lease
 * of `leaseTermMs`, and where that ends, its guest ends.
 */
export const offlineMode = z.enum(['keep', 'stop']);
export type OfflineMode = z.infer<typeof offlineMode>;

export const renewBody = z.strictObject({ leases: z.array(z.strictObject({ desktopId, epoch })).min(1).max(renewalsLimit) });
export const renewed = z.object({
  /** In the order of the request. */
  leases: z
    .array(
      z.discriminatedUnion('state', [
        /** The epoch is current and held by the caller; a strict lease was renewed by this. */
        z.object({ desktopId, state: z.literal('current'), offline: offlineMode }),
        /** The caller had it last and gave it up; nobody has taken it since. */
        z.object({ desktopId, state: z.literal('released') }),
        /** Another epoch is current. */
        z.object({ desktopId, state: z.literal('superseded'), epoch, by: hostName }),
        /** The account has no such desktop, or the caller never had this epoch. */
        z.object({ desktopId, state: z.literal('unknown') }),
      ]),
    )
    .max(renewalsLimit),
});
export type RenewedLease = z.infer<typeof renewed>['leases'][number];

/** What a take-over would meet. */
export const holding = z.object({
  epoch,
  /** Null: the desktop is free. */
  holder: hostName.nullable(),
  /** The holder's event stream is open and answered its last ping (at most 30 s ago). */
  inReach: z.boolean(),
  lastContactMs: timeMs.nullable(),
  offline: offlineMode,
  /** 0: may be taken over now. Else a strict lease still runs for so long, with its margin, unless it is renewed again. */
  takeOverInMs: z.int().min(0),
});
export type Holding = z.infer<typeof holding>;

/** `callOff`: whoever asked does not want it any more. */
export const askBody = z.strictObject({ epoch, callOff: z.boolean().optional() });
export const takeOverBody = z.strictObject({
  /** The epoch that is ended. Another one is current: EPOCH_FENCED, and nothing is taken. */
  epoch,
  expectedHeadDigest: sha256,
});

export const departureState = z.enum(['departing', 'failed']);
/** What the asked holder tells whoever asked; relayed, not kept. */
export const tellBody = z.strictObject({ epoch, state: departureState, phase: z.string().max(32), doneBytes: byteCount, totalBytes: byteCount.nullable(), found: z.string().max(512).nullable() });

/** Signed by the host that asks (libs/crypto, `signArrivalOrder`); the coordinator only passes it on. */
export const arrivalOrder = boundedBytes(arrivalOrderLimitBytes);
export const askArrivalBody = z.strictObject({ to: hostId, order: arrivalOrder });
/** Whether that host is there to hear it. */
export const arrivalAsked = z.object({ inReach: z.boolean() });

/** `ready`: it would take it. `running`: the guest runs there. `failed`: it does not, and nothing of it is left there. */
export const arrivalState = z.enum(['ready', 'arriving', 'running', 'failed']);
/** What the asked host tells whoever asked; relayed, not kept. `runningMs`: the order to the running guest. */
export const tellArrivalBody = z.strictObject({ orderId, state: arrivalState, phase: z.string().max(32), doneBytes: byteCount, totalBytes: byteCount.nullable(), runningMs: z.number().min(0).max(Number.MAX_SAFE_INTEGER).nullable(), found: z.string().max(512).nullable() });

export const offlinePolicy = boundedBytes(offlinePolicyLimitBytes);
export const offlineBody = z.strictObject({ policy: offlinePolicy });
