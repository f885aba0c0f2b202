import { Inject, Injectable } from '@nestjs/common';
import { z } from 'zod';
import { Fault, type Clock } from '@godwit/base';
import { Limits } from '../http/limits.ts';
import { clockToken } from '../tokens.ts';
import { OneTimes, type OneTimeValues } from './one-times.ts';

const ticketMs = 30_000;

/** What opens one WebSocket of a session: its handshake carries no header that a page could set. */
@Injectable()
export class Tickets {
  readonly #clock: Clock;
  readonly #limits: Limits;
  readonly #tickets: OneTimeValues<string>;

  constructor(@Inject(clockToken) clock: Clock, @Inject(OneTimes) oneTimes: OneTimes, @Inject(Limits) limits: Limits) {
    [this.#clock, this.#limits] = [clock, limits];
    this.#tickets = oneTimes.of('ticket', z.string(), ticketMs);
  }

  async give(sessionId: string): Promise<{ ticket: string; expiresMs: number }> {
    this.#limits.tickets.take(sessionId);
    return { ticket: await this.#tickets.put(sessionId), expiresMs: this.#clock.wallMs() + ticketMs };
  }

  /** The session that asked for it. Throws TICKET_REFUSED. */
  async take(ticket: string): Promise<string> {
    const sessionId = await this.#tickets.take(ticket);
    if (sessionId === undefined) throw new Fault('TICKET_REFUSED');
    return sessionId;
  }
}
