import type { HostId } from '@godwit/base';
import type { Lease } from '@godwit/api';
import type { Checkpoint, DesktopName, Pack } from './state.ts';

/** One row per desktop. */
export interface DesktopRow {
  readonly name: DesktopName;
  readonly createdBy: HostId;
  holder: HostId;
  held: boolean;
  epoch: number;
  /** How it is held now. */
  strict: boolean;
  /** The signed policy: what counts from the next epoch on. `stamp` orders policies as their signing time does. */
  policy: { readonly strict: boolean; readonly stamp: number };
  head: Checkpoint | null;
  retention: number;
}

export interface CommittedRow {
  readonly checkpoint: Checkpoint;
  readonly release: boolean;
  dropped: boolean;
}

export interface ObjectRow {
  readonly pack: Pack;
  storedMs: number;
  committed: boolean;
  /** On the database's wall clock. */
  condemnedMs: number | null;
  deleting: boolean;
}

export interface Leaf {
  readonly kind: 'created' | 'acquired' | 'taken-over' | 'released' | 'committed' | 'revoked' | 'policy' | 'dropped' | 'deleted';
  readonly desktop: DesktopName | null;
  readonly host: HostId;
  readonly epoch: number;
  readonly commitId: string | null;
}

/** What the coordinator has on disk: it survives whatever happens to the coordinator. */
export class Database {
  readonly desktops = new Map<DesktopName, DesktopRow>();
  readonly commits = new Map<string, CommittedRow>();
  readonly objects = new Map<string, ObjectRow>();
  readonly revoked = new Set<HostId>();
  readonly nonces = new Set<number>();
  readonly log: Leaf[] = [];
  readonly #wallMs: () => number;

  constructor(wallMs: () => number) {
    this.#wallMs = wallMs;
  }

  append(kind: Leaf['kind'], host: HostId, desktop: DesktopName | null, epoch = 0, commitId: string | null = null): void {
    this.log.push({ kind, desktop, host, epoch, commitId });
  }

  recordObject(pack: Pack): void {
    const before = this.objects.get(pack.key);
    if (before === undefined) this.objects.set(pack.key, { pack, storedMs: this.#wallMs(), committed: false, condemnedMs: null, deleting: false });
  }

  /** What `judge` is shown. */
  lease(row: DesktopRow, renewedMs: number): Lease {
    const { holder, held, epoch, strict, head } = row;
    return { holder, held, epoch, strict, renewedMs, headDigest: head?.commitId ?? null, headSequence: head?.sequence ?? 0 };
  }
}
