import type { AccountId, DesktopId, HostId } from '@godwit/base';
import type { EventMessage, OperatorMessage } from '@godwit/wire';

/** What replicas say to each other, by topic. None of it is kept: what has to last is in the database. */
export interface Words {
  /** News of an account, for the hosts that listen elsewhere. */
  readonly event: { readonly accountId: AccountId; readonly message: EventMessage };
  /** News for operators' pages that listen elsewhere. */
  readonly 'operator-news': OperatorMessage;
  readonly 'sessions-ended': { readonly sessionIds: readonly string[] };
  /** An operator keeps the host out: its streams end. */
  readonly 'host-cut': { readonly hostId: HostId };
  /** Which hosts' first streams were opened and last ones closed; `all`: the ones named are all that are open there. */
  readonly streams: { readonly all: boolean; readonly opened: readonly Streaming[]; readonly closed: readonly Streaming[] };
  readonly 'renewal-asked': RenewalAsked;
  readonly 'renewal-told': { readonly askId: string; readonly keeper: string; readonly agoMs: number };
}

export interface Streaming {
  readonly accountId: AccountId;
  readonly hostId: HostId;
}

/** When did you hear of this epoch last? (leases/lease-keepers.ts) */
export interface RenewalAsked {
  readonly askId: string;
  readonly accountId: AccountId;
  readonly desktopId: DesktopId;
  readonly epoch: number;
  /** How many memories had ended when the question was asked. */
  readonly ended: number;
  /** Somebody is about to end the epoch: the next renewal has to look under the lock. */
  readonly dispute: boolean;
}

export type Topic = keyof Words;

/** What may become of the others. */
export interface ReplicaWatcher {
  /** A replica is heard for the first time, or again. */
  readonly came?: (replica: string) => void;
  /** A replica was silent for too long, or said that it stops. */
  readonly gone?: (replica: string) => void;
  /** Words may have been lost, to this replica or from another: who listens has to read again. */
  readonly lost?: () => void;
}

/** The other coordinators on the same database, as one of them hears them. This one is alone: the default without a Redis. */
export class Bus {
  /** This replica's name, drawn at its start. */
  readonly replica: string;

  constructor(replica: string) {
    this.replica = replica;
  }

  /** Whether others may join. */
  get isShared(): boolean {
    return this.others !== nobody;
  }

  /** The names of the others that were heard of lately. */
  get others(): ReadonlySet<string> {
    return nobody;
  }

  /** Whether `others` is all of them: this replica has heard itself for long enough to have heard each that there is. */
  get hearsAll(): boolean {
    return !this.isShared;
  }

  /** To all others, not to this one. What cannot be told is not kept: the others are told later that they missed something. */
  tell<Name extends Topic>(_topic: Name, _words: Words[Name]): void {
    // There is nobody.
  }

  /** For as long as this process lives. */
  hear<Name extends Topic>(_topic: Name, _listener: (words: Words[Name], from: string) => void): void {
    // Nobody says anything.
  }

  watch(_watcher: ReplicaWatcher): void {
    // Nobody comes or goes.
  }

  /** Throws REDIS_UNAVAILABLE while the others cannot be reached. */
  requireHeard(): void {
    // There is nobody to reach.
  }
}

const nobody: ReadonlySet<string> = new Set();
