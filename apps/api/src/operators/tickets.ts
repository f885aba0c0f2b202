import { Inject, Injectable } from '@nestjs/common';
import { Fault, type Clock, type Random } from '@godwit/base';
import { Limits } from '../http/limits.ts';
import { clockToken, randomToken } from '../tokens.ts';
import { OneTime } from './one-time.ts';

const ticketMs = 30_000;

/** What opens one WebSocket of a session: its handshake carries no header that a page could set. */
@Injectable()
export class Tickets {
  readonly #clock: Clock;
  readonly #limits: Limits;
  readonly #tickets: OneTime<string>;

  constructor(@Inject(clockToken) clock: Clock, @Inject(randomToken) random: Random, @Inject(Limits) limits: Limits) {
    [this.#clock, this.#limits] = [clock, limits];
    this.#tickets = new OneTime(ticketMs, clock, random);
  }

  give(sessionId: string): { ticket: string; expiresMs: number } {
    this.#limits.tickets.take(sessionId);
    return { ticket: this.#tickets.put(sessionId), expiresMs: this.#clock.wallMs() + ticketMs };
  }

  /** The session that asked for it. Throws TICKET_REFUSED. */
  take(ticket: string): string {
    const sessionId = this.#tickets.take(ticket);
    if (sessionId === undefined) throw new Fault('TICKET_REFUSED');
    return sessionId;
  }
}
