import { Injectable } from '@nestjs/common';
import type { AccountId } from '@godwit/base';
import type { EventMessage } from '@godwit/wire';

export type Listener = (message: EventMessage) => void;

/**
 * News of one account, handed to whoever listens in this process. Published after the transaction that it tells of; lost
 * if the process ends in between, which the stream's contract allows.
 */
@Injectable()
export class EventsHub {
  readonly #listeners = new Map<AccountId, Set<Listener>>();

  /** Returns the function that ends the subscription. */
  subscribe(accountId: AccountId, listener: Listener): () => void {
    const listeners = this.#listeners.get(accountId) ?? new Set();
    this.#listeners.set(accountId, listeners.add(listener));
    return () => {
      listeners.delete(listener);
      if (listeners.size === 0) this.#listeners.delete(accountId);
    };
  }

  /** How many listen to an account. */
  listeners(accountId: AccountId): number {
    return this.#listeners.get(accountId)?.size ?? 0;
  }

  publish(accountId: AccountId, message: EventMessage): void {
    for (const listener of this.#listeners.get(accountId) ?? []) listener(message);
  }
}
