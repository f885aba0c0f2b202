import { Inject, Injectable } from '@nestjs/common';
import type { OperatorMessage } from '@godwit/wire';
import { Bus } from '../replicas/bus.ts';

/** A page that listens. */
export interface OperatorListener {
  readonly sessionId: string;
  news(message: OperatorMessage): void;
  /** Its session is over; nothing comes after this. */
  ended(): void;
  /** News may have been lost: it has to connect and read again; nothing comes after this. */
  again(): void;
}

/**
 * News for operators, handed to the pages that listen, here or at another replica. Published after the transaction that it tells of; lost if the
 * process ends in between, which the stream's contract allows: a page reads again after each connect.
 */
@Injectable()
export class OperatorsHub {
  readonly #listeners = new Set<OperatorListener>();
  readonly #bus: Bus;

  constructor(@Inject(Bus) bus: Bus) {
    this.#bus = bus;
    bus.hear('operator-news', (message) => this.publishHere(message));
    bus.hear('sessions-ended', ({ sessionIds }) => this.#endHere(sessionIds));
    bus.watch({ lost: () => this.#sendAway() });
  }

  /** Returns the function that ends the subscription. */
  subscribe(listener: OperatorListener): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  /** Whether anybody may listen: with nobody, nothing has to be read only to be told. */
  get anyListener(): boolean {
    return this.#listeners.size > 0 || this.#bus.others.size > 0;
  }

  /** The sessions that listen, each once. */
  sessions(): string[] {
    return [...new Set([...this.#listeners].map(({ sessionId }) => sessionId))];
  }

  publish(message: OperatorMessage): void {
    this.publishHere(message);
    this.#bus.tell('operator-news', message);
  }

  /** To the pages of this replica alone: of what each replica knows by itself. */
  publishHere(message: OperatorMessage): void {
    for (const listener of [...this.#listeners]) listener.news(message);
  }

  /** Cuts off whoever listens with one of these sessions. */
  end(sessionIds: readonly string[]): void {
    if (sessionIds.length === 0) return;
    this.#endHere(sessionIds);
    this.#bus.tell('sessions-ended', { sessionIds });
  }

  #endHere(sessionIds: readonly string[]): void {
    for (const listener of [...this.#listeners]) {
      if (!sessionIds.includes(listener.sessionId)) continue;
      this.#listeners.delete(listener);
      listener.ended();
    }
  }

  #sendAway(): void {
    const away = [...this.#listeners];
    this.#listeners.clear();
    for (const listener of away) listener.again();
  }
}
