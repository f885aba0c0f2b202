import { Injectable } from '@nestjs/common';
import type { AccountId, HostId } from '@godwit/base';
import type { EventMessage } from '@godwit/wire';

export type Listener = (message: EventMessage) => void;

/**
 * News of one account, handed to whoever listens in this process. Published after the transaction that it tells of; lost
 * if the process ends in between, which the stream's contract allows.
 */
@Injectable()
export class EventsHub {
  readonly #listeners = new Map<AccountId, Set<Listener>>();
  readonly #streams = new Map<HostId, number>();

  /** Returns the function that ends the subscription; call it once. */
  subscribe({ accountId, hostId }: { readonly accountId: AccountId; readonly hostId: HostId }, listener: Listener): () => void {
    const listeners = this.#listeners.get(accountId) ?? new Set();
    this.#listeners.set(accountId, listeners.add(listener));
    this.#streams.set(hostId, this.streamsOf(hostId) + 1);
    return () => {
      listeners.delete(listener);
      if (listeners.size === 0) this.#listeners.delete(accountId);
      const rest = this.streamsOf(hostId) - 1;
      if (rest === 0) this.#streams.delete(hostId);
      else this.#streams.set(hostId, rest);
    };
  }

  /** How many streams of a host are open: 0, and it is told nothing now. */
  streamsOf(hostId: HostId): number {
    return this.#streams.get(hostId) ?? 0;
  }

  /** How many listen to an account. */
  listeners(accountId: AccountId): number {
    return this.#listeners.get(accountId)?.size ?? 0;
  }

  publish(accountId: AccountId, message: EventMessage): void {
    for (const listener of this.#listeners.get(accountId) ?? []) listener(message);
  }
}
