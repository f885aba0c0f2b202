import type { FaultCode, HostId } from '@godwit/base';
import { leaseTermMs, takeOverMarginMs } from '@godwit/wire';

/**
 * Who may do what with a desktop, as a pure function: no clock, no database. The row it judges is locked while it does.
 *
 * ```
 *            create                    release, commit with release
 *   (none) ----------> held, epoch 1 ------------------------------> free, epoch n
 *                      held, epoch n+1 <----------------------------
 *                          |   ^              acquire
 *                          +---+
 *                        take-over
 * ```
 * An epoch belongs to one host for ever. `acquire` of a free desktop and `take-over` of a held one make a new one, and nothing else does. A
 * strict lease that ran out is still held by its holder, who may renew it again, until somebody takes it over.
 */
export interface Lease {
  /** Who got the current epoch. */
  readonly holder: HostId;
  /** Whether the holder still has it; false: the desktop is free. */
  readonly held: boolean;
  /** From 1. */
  readonly epoch: number;
  /** SHA-256 of the head's manifest in hexadecimal, null before the first checkpoint. */
  readonly headDigest: string | null;
  /** The head's sequence number; 0 before the first checkpoint. */
  readonly headSequence: number;
  /** Held under `--offline stop`: the holder stops by itself when it has not renewed for a term. */
  readonly strict: boolean;
  /** Of a strict lease: the last accepted renewal or acquisition on the coordinator's boot clock; its own start, where it does not remember one. */
  readonly renewedMs: number;
}

export type LeaseEvent =
  /** `expectedHead`: undefined when the caller takes whatever the head is. */
  | { readonly type: 'acquire'; readonly host: HostId; readonly expectedHead?: string | undefined }
  /** Its user takes the desktop from the host that holds `epoch`. */
  | { readonly type: 'take-over'; readonly host: HostId; readonly epoch: number; readonly expectedHead: string }
  | { readonly type: 'renew'; readonly host: HostId; readonly epoch: number }
  | { readonly type: 'release'; readonly host: HostId; readonly epoch: number }
  | { readonly type: 'commit'; readonly host: HostId; readonly epoch: number; readonly parent: string | null; readonly sequence: number }
  /** To write objects: a signed URL for a PUT is about to be minted. */
  | { readonly type: 'write'; readonly host: HostId; readonly epoch: number }
  /** To change whether the desktop is strict. */
  | { readonly type: 'policy'; readonly host: HostId };

export type Verdict =
  /** The event happens and changes the row. */
  | 'apply'
  /** It happened before; answer as then and change nothing. */
  | 'again'
  | Extract<FaultCode, 'DESKTOP_HELD_ELSEWHERE' | 'DESKTOP_FREE' | 'DESKTOP_NEVER_SAVED' | 'EPOCH_FENCED' | 'HEAD_MOVED' | 'LEASE_NOT_OVER'>;

/** The caller's relation to the lease. `in-term`: another holds it strictly, and its guest may still run by right. */
export type Holding = 'holds' | 'held-before' | 'other-holds' | 'other-in-term' | 'other-held-before';

/** The table for an event that names the current epoch (or none) and the current head. */
export const verdicts: Readonly<Record<LeaseEvent['type'], Readonly<Record<Holding, Verdict>>>> = {
  //              the caller has the lease   had the last one, free   another host has it                      has it, strict, in its term                 another had the last one, free
  'acquire': { 'holds': 'again', 'held-before': 'apply', 'other-holds': 'DESKTOP_HELD_ELSEWHERE', 'other-in-term': 'DESKTOP_HELD_ELSEWHERE', 'other-held-before': 'apply' },
  'take-over': { 'holds': 'again', 'held-before': 'DESKTOP_FREE', 'other-holds': 'apply', 'other-in-term': 'LEASE_NOT_OVER', 'other-held-before': 'DESKTOP_FREE' },
  'renew': { 'holds': 'apply', 'held-before': 'EPOCH_FENCED', 'other-holds': 'EPOCH_FENCED', 'other-in-term': 'EPOCH_FENCED', 'other-held-before': 'EPOCH_FENCED' },
  'release': { 'holds': 'apply', 'held-before': 'again', 'other-holds': 'EPOCH_FENCED', 'other-in-term': 'EPOCH_FENCED', 'other-held-before': 'EPOCH_FENCED' },
  'commit': { 'holds': 'apply', 'held-before': 'EPOCH_FENCED', 'other-holds': 'EPOCH_FENCED', 'other-in-term': 'EPOCH_FENCED', 'other-held-before': 'EPOCH_FENCED' },
  'write': { 'holds': 'apply', 'held-before': 'EPOCH_FENCED', 'other-holds': 'EPOCH_FENCED', 'other-in-term': 'EPOCH_FENCED', 'other-held-before': 'EPOCH_FENCED' },
  'policy': { 'holds': 'apply', 'held-before': 'apply', 'other-holds': 'DESKTOP_HELD_ELSEWHERE', 'other-in-term': 'DESKTOP_HELD_ELSEWHERE', 'other-held-before': 'apply' },
};

/** Fencing comes first, then the table, then the head: whoever is fenced learns that and nothing else. `nowMs`: the clock of `renewedMs`. */
export function judge(lease: Lease, event: LeaseEvent, nowMs: number): Verdict {
  if (event.type === 'take-over' && isRepeated(lease, event)) return 'again';
  if ('epoch' in event && event.epoch !== lease.epoch) return 'EPOCH_FENCED';
  const verdict = verdicts[event.type][holdingOf(lease, event.host, nowMs)];
  if (verdict !== 'apply' && verdict !== 'again') return verdict;
  if (event.type === 'take-over' && lease.headDigest === null) return 'DESKTOP_NEVER_SAVED';
  return headHolds(lease, event) ? verdict : 'HEAD_MOVED';
}

export function holdingOf(lease: Lease, host: HostId, nowMs: number): Holding {
  if (lease.holder === host) return lease.held ? 'holds' : 'held-before';
  if (!lease.held) return 'other-held-before';
  return takeOverInMs(lease, nowMs) > 0 ? 'other-in-term' : 'other-holds';
}

/** How long another host has to wait before it may take the desktop over: 0 unless it is strict and a guest may still run by right. */
export function takeOverInMs(lease: Pick<Lease, 'held' | 'strict' | 'renewedMs'>, nowMs: number): number {
  return lease.held && lease.strict ? Math.max(0, lease.renewedMs + leaseTermMs + takeOverMarginMs - nowMs) : 0;
}

/** The answer to a take-over got lost: the caller has the epoch that followed. */
function isRepeated(lease: Lease, event: { readonly host: HostId; readonly epoch: number }): boolean {
  return lease.held && lease.holder === event.host && lease.epoch === event.epoch + 1;
}

function headHolds(lease: Lease, event: LeaseEvent): boolean {
  if (event.type === 'acquire') return event.expectedHead === undefined || event.expectedHead === lease.headDigest;
  if (event.type === 'take-over') return event.expectedHead === lease.headDigest;
  if (event.type === 'commit') return event.parent === lease.headDigest && event.sequence === lease.headSequence + 1;
  return true;
}
