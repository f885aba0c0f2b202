import { Inject, Injectable } from '@nestjs/common';
import type { AccountId, HostId } from '@godwit/base';
import type { EventMessage } from '@godwit/wire';
import { Bus, type Streaming, type Words } from '../replicas/bus.ts';

export type Listener = (message: EventMessage) => void;

/** Who looks at the news of all accounts, and at which hosts can be told any. */
export interface Watcher {
  told(accountId: AccountId, message: EventMessage): void;
  /** The host's first stream was opened, or its last one has ended. */
  reached(accountId: AccountId, hostId: HostId): void;
}

/** The stream's end, for a reason of the hub's. */
export type End = 'may not listen' | 'has to read again';

/** How many hosts are named in one word to another replica. */
const hostsPerWord = 1_000;

/**
 * News of one account, handed to whoever listens, here or at another replica. Published after the transaction that it tells of; lost
 * if the process ends in between, which the stream's contract allows. Where words between replicas may have been lost all streams end: who
 * listened connects again and reads how things are.
 */
@Injectable()
export class EventsHub {
  readonly #listeners = new Map<AccountId, Set<Listener>>();
  readonly #watchers: Watcher[] = [];
  readonly #streams = new Map<HostId, { readonly accountId: AccountId; readonly ends: Set<(why: End) => void> }>();
  readonly #bus: Bus;
  /** By replica: the hosts that have a stream open there. */
  readonly #elsewhere = new Map<string, Map<HostId, AccountId>>();

  constructor(@Inject(Bus) bus: Bus) {
    this.#bus = bus;
    bus.hear('event', ({ accountId, message }) => this.#deliver(accountId, message));
    bus.hear('host-cut', ({ hostId }) => this.#end(hostId, 'may not listen'));
    bus.hear('streams', (words, replica) => this.#hear(words, replica));
    bus.watch({
      came: () => this.#tellAll(),
      gone: (replica) => this.#hear({ all: true, opened: [], closed: [] }, replica),
      lost: () => { for (const hostId of [...this.#streams.keys()]) this.#end(hostId, 'has to read again'); },
    });
  }

  /** For as long as this process lives. */
  watch(watcher: Watcher): void {
    this.#watchers.push(watcher);
  }

  /** `end` is called when the stream has to end. Returns the function that ends the subscription; call it once. */
  subscribe({ accountId, hostId }: Streaming, listener: Listener, end: (why: End) => void): () => void {
    const listeners = this.#listeners.get(accountId) ?? new Set();
    this.#listeners.set(accountId, listeners.add(listener));
    const { ends } = this.#streams.get(hostId) ?? { ends: new Set() };
    this.#streams.set(hostId, { accountId, ends: ends.add(end) });
    if (ends.size === 1) {
      this.#reached({ accountId, hostId });
      this.#bus.tell('streams', { all: false, opened: [{ accountId, hostId }], closed: [] });
    }
    return () => {
      listeners.delete(listener);
      if (listeners.size === 0) this.#listeners.delete(accountId);
      ends.delete(end);
      if (ends.size > 0) return;
      this.#streams.delete(hostId);
      this.#reached({ accountId, hostId });
      this.#bus.tell('streams', { all: false, opened: [], closed: [{ accountId, hostId }] });
    };
  }

  /** How many streams of a host are open here, and one for each other replica that has some: 0, and it is told nothing now. */
  streamsOf(hostId: HostId): number {
    const elsewhere = [...this.#elsewhere.values()].filter((hosts) => hosts.has(hostId)).length;
    return (this.#streams.get(hostId)?.ends.size ?? 0) + elsewhere;
  }

  /** The hosts that have a stream open, at whichever replica. */
  streaming(): HostId[] {
    return [...new Set([this.#streams, ...this.#elsewhere.values()].flatMap((hosts) => [...hosts.keys()]))];
  }

  /** Ends all streams of a host. */
  cut(hostId: HostId): void {
    this.#end(hostId, 'may not listen');
    this.#bus.tell('host-cut', { hostId });
  }

  /** How many listen to an account here. */
  listeners(accountId: AccountId): number {
    return this.#listeners.get(accountId)?.size ?? 0;
  }

  publish(accountId: AccountId, message: EventMessage): void {
    this.#deliver(accountId, message);
    this.#bus.tell('event', { accountId, message });
  }

  #deliver(accountId: AccountId, message: EventMessage): void {
    for (const listener of this.#listeners.get(accountId) ?? []) listener(message);
    for (const watcher of this.#watchers) watcher.told(accountId, message);
  }

  #end(hostId: HostId, why: End): void {
    for (const end of [...(this.#streams.get(hostId)?.ends ?? [])]) end(why);
  }

  #reached({ accountId, hostId }: Streaming): void {
    for (const watcher of this.#watchers) watcher.reached(accountId, hostId);
  }

  /** Another replica tells which hosts listen to it. */
  #hear({ all, opened, closed }: Words['streams'], replica: string): void {
    const hosts = this.#elsewhere.get(replica) ?? new Map<HostId, AccountId>();
    const gone = all ? [...hosts].map(([hostId, accountId]) => ({ accountId, hostId })) : closed;
    for (const { hostId } of gone) hosts.delete(hostId);
    for (const { accountId, hostId } of opened) hosts.set(hostId, accountId);
    if (hosts.size === 0) this.#elsewhere.delete(replica);
    else this.#elsewhere.set(replica, hosts);
    const stay = new Set(gone.map(({ hostId }) => hostId).filter((hostId) => hosts.has(hostId)));
    for (const streaming of [...gone, ...opened]) if (!stay.has(streaming.hostId)) this.#reached(streaming);
  }

  /** In pieces: the first of them says that what was told before counts no more. */
  #tellAll(): void {
    const open = [...this.#streams].map(([hostId, { accountId }]) => ({ accountId, hostId }));
    for (let from = 0; from === 0 || from < open.length; from += hostsPerWord) this.#bus.tell('streams', { all: from === 0, opened: open.slice(from, from + hostsPerWord), closed: [] });
  }
}
