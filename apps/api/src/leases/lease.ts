import type { FaultCode, HostId } from '@godwit/base';

/**
 * Who may do what with a desktop, as a pure function: no clock, no database. The row it judges is locked while it does.
 *
 * ```
 *            create                    release, commit with release
 *   (none) ----------> held, epoch 1 ------------------------------> free, epoch n
 *                      held, epoch n+1 <----------------------------
 *                                             acquire
 * ```
 * An epoch belongs to one host for ever. Only `acquire` of a free desktop makes a new one.
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
}

export type LeaseEvent =
  /** `expectedHead`: undefined when the caller takes whatever the head is. */
  | { readonly type: 'acquire'; readonly host: HostId; readonly expectedHead?: string | undefined }
  | { readonly type: 'release'; readonly host: HostId; readonly epoch: number }
  | { readonly type: 'commit'; readonly host: HostId; readonly epoch: number; readonly parent: string | null; readonly sequence: number }
  /** To write objects: a signed URL for a PUT is about to be minted. */
  | { readonly type: 'write'; readonly host: HostId; readonly epoch: number };

export type Verdict =
  /** The event happens and changes the row. */
  | 'apply'
  /** It happened before; answer as then and change nothing. */
  | 'again'
  | Extract<FaultCode, 'DESKTOP_HELD_ELSEWHERE' | 'EPOCH_FENCED' | 'HEAD_MOVED'>;

/** The caller's relation to the lease. */
export type Holding = 'holds' | 'held-before' | 'other-holds' | 'other-held-before';

/** The table for an event that names the current epoch (or, for acquire, none) and the current head. */
export const verdicts: Readonly<Record<LeaseEvent['type'], Readonly<Record<Holding, Verdict>>>> = {
  //         the caller has the lease   had the last one, free   another host has it                  another had the last one, free
  acquire: { 'holds': 'again', 'held-before': 'apply', 'other-holds': 'DESKTOP_HELD_ELSEWHERE', 'other-held-before': 'apply' },
  release: { 'holds': 'apply', 'held-before': 'again', 'other-holds': 'EPOCH_FENCED', 'other-held-before': 'EPOCH_FENCED' },
  commit: { 'holds': 'apply', 'held-before': 'EPOCH_FENCED', 'other-holds': 'EPOCH_FENCED', 'other-held-before': 'EPOCH_FENCED' },
  write: { 'holds': 'apply', 'held-before': 'EPOCH_FENCED', 'other-holds': 'EPOCH_FENCED', 'other-held-before': 'EPOCH_FENCED' },
};

/** Fencing comes first, then the table, then the head: whoever is fenced learns that and nothing else. */
export function judge(lease: Lease, event: LeaseEvent): Verdict {
  if (event.type !== 'acquire' && event.epoch !== lease.epoch) return 'EPOCH_FENCED';
  const verdict = verdicts[event.type][holdingOf(lease, event.host)];
  if (verdict !== 'apply' && verdict !== 'again') return verdict;
  return headHolds(lease, event) ? verdict : 'HEAD_MOVED';
}

export function holdingOf(lease: Lease, host: HostId): Holding {
  if (lease.holder === host) return lease.held ? 'holds' : 'held-before';
  return lease.held ? 'other-holds' : 'other-held-before';
}

function headHolds(lease: Lease, event: LeaseEvent): boolean {
  if (event.type === 'acquire') return event.expectedHead === undefined || event.expectedHead === lease.headDigest;
  if (event.type === 'commit') return event.parent === lease.headDigest && event.sequence === lease.headSequence + 1;
  return true;
}
