/**
 * The connection over which the coordinator tells news, as a pure machine: what happened goes in, the next state and what is to be done come out.
 *
 *   off --begin--> connecting --heard--> live
 *                    ^   |                |  silence for 25 s, or lost
 *                    |   +--- lost -----> waiting --its time has come, or the network is back--> connecting
 *   from anywhere: session ended --> signed-out; end --> off
 *
 * Data counts as current up to the last word heard; after each connect everything that is shown is read again, because news that was sent
 * meanwhile is gone.
 */
export type Connection =
  | { readonly is: 'off' | 'signed-out' }
  | { readonly is: 'connecting'; readonly attempt: number; readonly sinceMs: number; readonly asOfMs: number | null }
  | { readonly is: 'live'; readonly asOfMs: number }
  | { readonly is: 'waiting'; readonly attempt: number; readonly untilMs: number; readonly asOfMs: number | null };

/** `nudge`: the browser says that there is a network again, or the page came to the front. */
export type ConnectionEvent = 'begin' | 'heard' | 'lost' | 'session-ended' | 'tick' | 'nudge' | 'end';
export type ConnectionAct = 'open' | 'close' | 'read-everything' | 'sign-out';
export interface Step {
  readonly next: Connection;
  readonly acts: readonly ConnectionAct[];
}

/** The coordinator says something every 10 s; this long without a word is a lost connection, whatever the socket says. */
export const silenceMs = 25_000;
export const waits = { firstMs: 500, longestMs: 30_000 } as const;

/** How long to wait before attempt `attempt`, from 1: doubling, and at least half of it, so that many pages do not come back at once. */
export function waitMs(attempt: number, fraction: number): number {
  const fullMs = Math.min(waits.longestMs, waits.firstMs * 2 ** Math.min(attempt - 1, 16));
  return Math.round(fullMs / 2 + (fullMs / 2) * fraction);
}

const asOf = (now: Connection): number | null => ('asOfMs' in now ? now.asOfMs : null);
const stay = (next: Connection): Step => ({ next, acts: [] });

/** `fraction`: at least 0, below 1, from the dice. */
export function step(now: Connection, event: ConnectionEvent, nowMs: number, fraction: number): Step {
  switch (event) {
    case 'end':
      return { next: { is: 'off' }, acts: now.is === 'connecting' || now.is === 'live' ? ['close'] : [] };
    case 'session-ended':
      return now.is === 'off' || now.is === 'signed-out' ? stay(now) : { next: { is: 'signed-out' }, acts: ['close', 'sign-out'] };
    case 'begin':
      return now.is === 'off' || now.is === 'signed-out' ? { next: { is: 'connecting', attempt: 1, sinceMs: nowMs, asOfMs: null }, acts: ['open'] } : stay(now);
    case 'heard':
      if (now.is === 'live') return stay({ is: 'live', asOfMs: nowMs });
      return now.is === 'connecting' ? { next: { is: 'live', asOfMs: nowMs }, acts: ['read-everything'] } : stay(now);
    case 'lost':
      return now.is === 'connecting' || now.is === 'live' ? wait(now, nowMs, fraction) : stay(now);
    case 'nudge':
      return now.is === 'waiting' ? reconnect(now, nowMs) : stay(now);
    case 'tick':
      return tick(now, nowMs, fraction);
  }
}

function tick(now: Connection, nowMs: number, fraction: number): Step {
  if (now.is === 'waiting') return nowMs >= now.untilMs ? reconnect(now, nowMs) : stay(now);
  if (now.is === 'live') return nowMs - now.asOfMs > silenceMs ? wait(now, nowMs, fraction) : stay(now);
  if (now.is === 'connecting') return nowMs - now.sinceMs > silenceMs ? wait(now, nowMs, fraction) : stay(now);
  return stay(now);
}

function wait(now: Connection, nowMs: number, fraction: number): Step {
  const attempt = now.is === 'connecting' ? now.attempt : 1;
  return { next: { is: 'waiting', attempt, untilMs: nowMs + waitMs(attempt, fraction), asOfMs: asOf(now) }, acts: ['close'] };
}

function reconnect(now: Extract<Connection, { is: 'waiting' }>, nowMs: number): Step {
  return { next: { is: 'connecting', attempt: now.attempt + 1, sinceMs: nowMs, asOfMs: now.asOfMs }, acts: ['open'] };
}
