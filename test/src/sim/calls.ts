import type { FaultCode, HostId } from '@godwit/base';
import type { SignedUrl } from './store.ts';
import type { Checkpoint, DesktopName, Pack } from './state.ts';

/** What hosts ask the coordinator, as far as ownership goes: the routes of libs/wire with ids for bytes. */
export interface Calls {
  readDesktop: { body: { desktop: DesktopName }; answer: DesktopView };
  readHolding: { body: { desktop: DesktopName }; answer: HoldingView };
  askDeparture: { body: { desktop: DesktopName; epoch: number }; answer: HoldingView };
  createDesktop: { body: { desktop: DesktopName }; answer: undefined };
  acquire: { body: { desktop: DesktopName; expectedHead: string | undefined }; answer: Acquired };
  takeOver: { body: { desktop: DesktopName; epoch: number; expectedHead: string }; answer: Acquired };
  release: { body: { desktop: DesktopName; epoch: number }; answer: undefined };
  renew: { body: { leases: readonly { desktop: DesktopName; epoch: number }[] }; answer: readonly RenewedLease[] };
  mint: { body: { desktop: DesktopName; epoch: number; packs: readonly Pack[] }; answer: readonly SignedUrl[] };
  commit: { body: { checkpoint: Checkpoint; release: boolean }; answer: undefined };
  /** The proof that the commit is in the log. */
  receipt: { body: { commitId: string }; answer: boolean };
  savePolicy: { body: { desktop: DesktopName; strict: boolean; stamp: number }; answer: undefined };
  prune: { body: { desktop: DesktopName; keep: number }; answer: undefined };
  revoke: { body: { host: HostId }; answer: undefined };
}

export type CallName = keyof Calls;

export interface DesktopView {
  readonly owner: HostId | null;
  readonly epoch: number;
  readonly head: Checkpoint | null;
  readonly policy: { readonly strict: boolean; readonly stamp: number };
}

export interface HoldingView {
  readonly epoch: number;
  readonly holder: HostId | null;
  readonly inReach: boolean;
  readonly takeOverInMs: number;
  readonly head: Checkpoint | null;
}

export interface Acquired {
  readonly epoch: number;
  readonly head: Checkpoint | null;
  readonly strict: boolean;
  readonly policyStamp: number;
}

export interface RenewedLease {
  readonly desktop: DesktopName;
  readonly state: 'current' | 'released' | 'superseded' | 'unknown';
  readonly strict: boolean;
}

/** What a host knows after it asked. */
export type Answer<Value> =
  | { readonly kind: 'ok'; readonly value: Value }
  | { readonly kind: 'refused'; readonly code: FaultCode }
  /** It may have been carried out. */
  | { readonly kind: 'unknown' }
  /** It never arrived. */
  | { readonly kind: 'unreachable' };

export type News =
  | { readonly type: 'desktop-changed'; readonly desktop: DesktopName; readonly owner: HostId | null; readonly epoch: number }
  | { readonly type: 'departure-asked'; readonly desktop: DesktopName; readonly epoch: number };
