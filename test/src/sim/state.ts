import type { HostId } from '@godwit/base';

export type DesktopName = string;

/**
 * A guest's state, reduced to what can be lost of it: how long it has run (ms), and from which state it went on. Two states with one
 * parent are two guests that went apart.
 */
export interface GuestState {
  readonly parent: GuestState | null;
  readonly counter: number;
}

/** Whether `state` is `earlier` or has come of it. */
export function comesOf(state: GuestState | null, earlier: GuestState): boolean {
  for (let each = state; each !== null; each = each.parent) if (each === earlier) return true;
  return false;
}

export interface Pack {
  readonly key: string;
  readonly desktop: DesktopName;
  readonly epoch: number;
}

/** A manifest, and from its commit on the checkpoint. Its id stands for its digest too. */
export interface Checkpoint {
  readonly commitId: string;
  readonly desktop: DesktopName;
  readonly sequence: number;
  readonly epoch: number;
  readonly host: HostId;
  readonly parent: Checkpoint | null;
  readonly state: GuestState;
  readonly packs: readonly Pack[];
}
