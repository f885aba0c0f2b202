import { WebSocket } from 'ws';
import { eventMessage, type EventMessage } from '@godwit/wire';
import type { RunningCoordinator } from '../coordinator.ts';
import type { TestClient } from './client.ts';

export function openEvents(coordinator: RunningCoordinator, headers: Record<string, string>, path = '/v1/events'): WebSocket {
  return new WebSocket(coordinator.url.replace('http', 'ws') + path, { headers });
}

/** The event stream of one host, as it comes; each message is held to its schema. */
export class EventListener {
  readonly seen: EventMessage[] = [];
  readonly socket: WebSocket;
  #wake: (() => void) | undefined;

  constructor(socket: WebSocket) {
    this.socket = socket;
    socket.on('message', (data: Buffer) => {
      this.seen.push(eventMessage.parse(JSON.parse(data.toString('utf8'))));
      this.#wake?.();
    });
  }

  /** It is open, and the coordinator knows. */
  static async open(coordinator: RunningCoordinator, client: TestClient): Promise<EventListener> {
    const listener = new EventListener(openEvents(coordinator, client.headers('GET', '/v1/events', '')));
    await listener.until('hello');
    return listener;
  }

  async until<Type extends EventMessage['type']>(type: Type): Promise<Extract<EventMessage, { type: Type }>> {
    for (;;) {
      const found = this.seen.find((message): message is Extract<EventMessage, { type: Type }> => message.type === type);
      if (found !== undefined) return found;
      await new Promise<void>((resolve) => (this.#wake = resolve));
    }
  }

  async close(): Promise<void> {
    const closed = new Promise((resolve) => this.socket.once('close', resolve));
    this.socket.close();
    await closed;
  }
}
