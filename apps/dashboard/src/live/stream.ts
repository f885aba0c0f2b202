import type { QueryClient } from '@tanstack/react-query';
import { operatorMessage, operatorRoutes, pathOf, sessionEndedCode, type OperatorMessage } from '@godwit/wire/operators';
import { call } from '../api/call.ts';
import { isSignedOut } from '../api/refusal.ts';
import { randomFraction, wallMs } from '../ports.ts';
import { step, type Connection, type ConnectionAct, type ConnectionEvent } from './connection.ts';
import { isOutdated, outdatedBy, type Outdated } from './news.ts';
import { takeMove } from './shown-moves.ts';

const tickMs = 1000;
/** News that comes in a burst is read once. */
const gatherMs = 400;

/** The edge around the machine of connection.ts: one WebSocket at a time, and the answers in the page's memory that news makes old. */
export class LiveStream {
  #connection: Connection = { is: 'off' };
  /** The coordinator's clock less the viewer's, milliseconds: ages are told by the coordinator's. */
  #skewMs = 0;
  #socket: WebSocket | undefined;
  /** Counts openings, so that a ticket that comes too late opens nothing. */
  #opening = 0;
  #gathered: Outdated[] = [];
  #gathering: ReturnType<typeof setTimeout> | undefined;
  readonly #watchers = new Set<() => void>();
  readonly #queries: QueryClient;

  constructor(queries: QueryClient) {
    this.#queries = queries;
    setInterval(() => this.#on('tick'), tickMs);
    addEventListener('online', () => this.#on('nudge'));
    document.addEventListener('visibilitychange', () => {
      if (document.visibilityState === 'visible') this.#on('nudge');
    });
  }

  readonly connection = (): Connection => this.#connection;
  readonly nowMs = (): number => wallMs() + this.#skewMs;

  readonly watch = (watcher: () => void): (() => void) => {
    this.#watchers.add(watcher);
    return () => this.#watchers.delete(watcher);
  };

  begin(): void {
    this.#on('begin');
  }

  end(): void {
    this.#on('end');
  }

  #on(event: ConnectionEvent): void {
    const { next, acts } = step(this.#connection, event, wallMs(), randomFraction());
    const changed = next !== this.#connection;
    this.#connection = next;
    for (const act of acts) this.#act(act);
    if (changed) for (const watcher of this.#watchers) watcher();
  }

  #act(act: ConnectionAct): void {
    switch (act) {
      case 'open':
        void this.#open(++this.#opening);
        return;
      case 'close':
        this.#opening += 1;
        this.#socket?.close();
        this.#socket = undefined;
        return;
      case 'read-everything':
        void this.#queries.invalidateQueries();
        return;
      case 'sign-out':
        void this.#queries.invalidateQueries({ queryKey: ['readSession'] });
    }
  }

  async #open(opening: number): Promise<void> {
    try {
      const { ticket } = await call('operatorTicket', {});
      if (opening !== this.#opening) return;
      const at = new URL(pathOf(operatorRoutes.operatorEvents, {}, { ticket }), location.href);
      at.protocol = at.protocol.replace('http', 'ws');
      const socket = new WebSocket(at);
      this.#socket = socket;
      const ifCurrent = (event: ConnectionEvent): void => {
        if (opening === this.#opening) this.#on(event);
      };
      socket.addEventListener('message', ({ data }) => {
        if (opening === this.#opening) this.#hear(data);
      });
      socket.addEventListener('close', ({ code }) => ifCurrent(code === sessionEndedCode ? 'session-ended' : 'lost'));
    } catch (error) {
      if (opening === this.#opening) this.#on(isSignedOut(error) ? 'session-ended' : 'lost');
    }
  }

  #hear(data: unknown): void {
    const message = messageOf(data);
    // A newer coordinator may tell what this page does not know: that it speaks is enough.
    if (message?.type === 'hello' || message?.type === 'still') this.#skewMs = message.timeMs - wallMs();
    this.#on('heard');
    if (message === undefined) return;
    if (message.type === 'move') takeMove(this.#queries, message.move);
    this.#gather(outdatedBy(message));
  }

  #gather(outdated: readonly Outdated[]): void {
    if (outdated.length === 0) return;
    this.#gathered.push(...outdated);
    this.#gathering ??= setTimeout(() => {
      const all = this.#gathered;
      this.#gathered = [];
      this.#gathering = undefined;
      void this.#queries.invalidateQueries({ predicate: ({ queryKey }) => all.some((each) => isOutdated(queryKey, each)) });
    }, gatherMs);
  }
}

function messageOf(data: unknown): OperatorMessage | undefined {
  if (typeof data !== 'string') return undefined;
  try {
    return operatorMessage.safeParse(JSON.parse(data)).data;
  } catch {
    // Not JSON: as good as a message that is not known.
    return undefined;
  }
}
