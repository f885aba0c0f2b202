import { Injectable } from '@nestjs/common';
import type { OperatorMessage } from '@godwit/wire';

/** A page that listens. */
export interface OperatorListener {
  readonly sessionId: string;
  news(message: OperatorMessage): void;
  /** Its session is over; nothing comes after this. */
  ended(): void;
}

/**
 * News for operators, handed to the pages that listen in this process. Published after the transaction that it tells of; lost if the
 * process ends in between, which the stream's contract allows: a page reads again after each connect.
 */
@Injectable()
export class OperatorsHub {
  readonly #listeners = new Set<OperatorListener>();

  /** Returns the function that ends the subscription. */
  subscribe(listener: OperatorListener): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  /** How many listen: with none, nothing has to be read only to be told. */
  get listeners(): number {
    return this.#listeners.size;
  }

  /** The sessions that listen, each once. */
  sessions(): string[] {
    return [...new Set([...this.#listeners].map(({ sessionId }) => sessionId))];
  }

  publish(message: OperatorMessage): void {
    for (const listener of [...this.#listeners]) listener.news(message);
  }

  /** Cuts off whoever listens with one of these sessions. */
  end(sessionIds: readonly string[]): void {
    for (const listener of [...this.#listeners]) {
      if (!sessionIds.includes(listener.sessionId)) continue;
      this.#listeners.delete(listener);
      listener.ended();
    }
  }
}
