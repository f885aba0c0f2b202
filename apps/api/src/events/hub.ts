import { Injectable } from '@nestjs/common';
import type { AccountId, HostId } from '@godwit/base';
import type { EventMessage } from '@godwit/wire';

export type Listener = (message: EventMessage) => void;

/** Who looks at the news of all accounts, and at which hosts can be told any. */
export interface Watcher {
  told(accountId: AccountId, message: EventMessage): void;
  /** The host's first stream was opened, or its last one has ended. */
  reached(accountId: AccountId, hostId: HostId): void;
}

/**
 * News of one account, handed to whoever listens in this process. Published after the transaction that it tells of; lost
 * if the process ends in between, which the stream's contract allows.
 */
@Injectable()
export class EventsHub {
  readonly #listeners = new Map<AccountId, Set<Listener>>();
  readonly #watchers: Watcher[] = [];
  readonly #streams = new Map<HostId, Set<() => void>>();

  /** For as long as this process lives. */
  watch(watcher: Watcher): void {
    this.#watchers.push(watcher);
  }

  /** `end` is called when the host may not listen any more. Returns the function that ends the subscription; call it once. */
  subscribe({ accountId, hostId }: { readonly accountId: AccountId; readonly hostId: HostId }, listener: Listener, end: () => void): () => void {
    const listeners = this.#listeners.get(accountId) ?? new Set();
    this.#listeners.set(accountId, listeners.add(listener));
    const streams = this.#streams.get(hostId) ?? new Set();
    this.#streams.set(hostId, streams.add(end));
    if (streams.size === 1) for (const watcher of this.#watchers) watcher.reached(accountId, hostId);
    return () => {
      listeners.delete(listener);
      if (listeners.size === 0) this.#listeners.delete(accountId);
      streams.delete(end);
      if (streams.size > 0) return;
      this.#streams.delete(hostId);
      for (const watcher of this.#watchers) watcher.reached(accountId, hostId);
    };
  }

  /** How many streams of a host are open: 0, and it is told nothing now. */
  streamsOf(hostId: HostId): number {
    return this.#streams.get(hostId)?.size ?? 0;
  }

  /** The hosts that have a stream open. */
  streaming(): HostId[] {
    return [...this.#streams.keys()];
  }

  /** Ends all streams of a host. */
  cut(hostId: HostId): void {
    for (const end of [...(this.#streams.get(hostId) ?? [])]) end();
  }

  /** How many listen to an account. */
  listeners(accountId: AccountId): number {
    return this.#listeners.get(accountId)?.size ?? 0;
  }

  publish(accountId: AccountId, message: EventMessage): void {
    for (const listener of this.#listeners.get(accountId) ?? []) listener(message);
    for (const watcher of this.#watchers) watcher.told(accountId, message);
  }
}
