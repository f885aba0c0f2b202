import type { Redis } from 'ioredis';
import { z } from 'zod';
import { Fault, newId, type AnyId, type Clock, type Log, type Random } from '@godwit/base';
import { Bus, type ReplicaWatcher, type Topic, type Words } from './bus.ts';
import { connectRedis } from './redis.ts';

const hereMs = 2_000;
/** A replica that was not heard of for so long is gone: five of its words were lost in a row, or it stands still. */
const silentMs = 10_000;

const spoken = z.object({ from: z.string(), topic: z.string(), words: z.unknown() });
/** Of the bus itself: one is here, one came or missed something, one stops, one could not say something. */
type OwnTopic = 'here' | 'hello' | 'bye' | 'unsaid';

interface Parts {
  readonly url: string;
  /** The same for all replicas on one database, and for no others. */
  readonly audience: string;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Log;
}

/**
 * The others through Redis: each says to all what they have to know, and every two seconds that it is there. Publishing keeps nothing, so
 * whatever breaks a connection is said on as "words may have been lost".
 */
export class RedisBus extends Bus {
  readonly #clock: Clock;
  readonly #log: Log;
  readonly #channel: string;
  readonly #out: Redis;
  readonly #in: Redis;
  readonly #timer: NodeJS.Timeout;
  readonly #listeners = new Map<string, ((words: never, from: string) => void)[]>();
  readonly #watchers: ReplicaWatcher[] = [];
  readonly #heardMs = new Map<string, number>();
  #others: ReadonlySet<string> = new Set();
  /** When this replica heard itself for the first time since it was connected, and for the last time. */
  #since: { readonly firstMs: number; readonly lastMs: number } | undefined;
  #unsaid = false;

  /** When this resolves the replica has heard itself, so each other that is there has heard it too. Throws as `connectRedis`. */
  static async join({ url, audience, clock, random, log }: Parts): Promise<RedisBus> {
    const out = await connectRedis(url, log);
    try {
      const bus = new RedisBus(newId<AnyId>(random), `godwit:${audience}`, out, await connectRedis(url, log, { autoResubscribe: false }), clock, log);
      await bus.#begin();
      return bus;
    } catch (error) {
      out.disconnect();
      throw error;
    }
  }

  private constructor(replica: string, channel: string, out: Redis, hearing: Redis, clock: Clock, log: Log) {
    super(replica);
    [this.#channel, this.#out, this.#in, this.#clock, this.#log] = [channel, out, hearing, clock, log];
    this.#timer = setInterval(() => this.#beat(), hereMs);
  }

  override get others(): ReadonlySet<string> {
    return this.#others;
  }

  override get hearsAll(): boolean {
    return this.#since !== undefined && this.#isHeard() && this.#since.lastMs - this.#since.firstMs >= silentMs;
  }

  override tell<Name extends Topic>(topic: Name, words: Words[Name]): void {
    this.#say(topic, words);
  }

  override hear<Name extends Topic>(topic: Name, listener: (words: Words[Name], from: string) => void): void {
    const listeners = this.#listeners.get(topic) ?? [];
    this.#listeners.set(topic, [...listeners, listener]);
  }

  override watch(watcher: ReplicaWatcher): void {
    this.#watchers.push(watcher);
  }

  override requireHeard(): void {
    if (!this.#isHeard()) throw new Fault('REDIS_UNAVAILABLE');
  }

  /** Says goodbye, so that nobody waits for it. */
  async close(): Promise<void> {
    clearInterval(this.#timer);
    await this.#publish('bye', null).catch(() => undefined); // The others will notice.
    this.#in.disconnect();
    this.#out.disconnect();
  }

  async #begin(): Promise<void> {
    this.#in.on('message', (_channel, text) => this.#take(text));
    this.#in.on('close', () => (this.#since = undefined));
    const heard = Promise.withResolvers<undefined>();
    this.#listeners.set('hello', [(_words: never, from) => { if (from === this.replica) heard.resolve(undefined); }]);
    try {
      await this.#in.subscribe(this.#channel);
      await this.#publish('hello', null);
      const timer = setTimeout(() => heard.reject(new Fault('REDIS_UNAVAILABLE', { expected: 'to hear what it said itself' })), silentMs);
      await heard.promise.finally(() => clearTimeout(timer));
    } catch (error) {
      await this.close();
      throw error instanceof Fault ? error : new Fault('REDIS_UNAVAILABLE', { cause: error });
    }
    this.#in.on('ready', () => void this.#again());
    this.#out.on('ready', () => this.#sayMissed());
  }

  /** The connection was away and came back: what was said in between was not heard here. */
  async #again(): Promise<void> {
    try {
      await this.#in.subscribe(this.#channel);
      const nowMs = this.#clock.bootMs();
      for (const replica of this.#heardMs.keys()) this.#heardMs.set(replica, nowMs);
      this.#say('hello', null);
      this.#lost();
    } catch (error) {
      this.#log.warn('replicas.subscribe', { error });
      this.#in.disconnect(true);
    }
  }

  #sayMissed(): void {
    if (!this.#unsaid) return;
    this.#unsaid = false;
    this.#say('unsaid', null);
  }

  #say(topic: Topic | OwnTopic, words: unknown): void {
    this.#publish(topic, words).catch((error: unknown) => {
      this.#unsaid = true;
      this.#log.debug('replicas.unsaid', { topic, error });
    });
  }

  async #publish(topic: Topic | OwnTopic, words: unknown): Promise<void> {
    await this.#out.publish(this.#channel, JSON.stringify({ from: this.replica, topic, words }));
  }

  #beat(): void {
    this.#sayMissed();
    this.#say('here', null);
    if (!this.#isHeard()) return;
    const nowMs = this.#clock.bootMs();
    for (const [replica, atMs] of this.#heardMs) if (nowMs - atMs > silentMs) this.#leave(replica);
  }

  #isHeard(): boolean {
    return this.#since !== undefined && this.#clock.bootMs() - this.#since.lastMs <= silentMs;
  }

  #take(text: string): void {
    try {
      const { from, topic, words } = spoken.parse(JSON.parse(text));
      if (from === this.replica) this.#hearSelf(topic);
      else this.#hearOther(from, topic, words);
    } catch (error) {
      // Of a later version, or of somebody who should not be here.
      this.#log.warn('replicas.word', { error });
    }
  }

  #hearSelf(topic: string): void {
    const nowMs = this.#clock.bootMs();
    this.#since = { firstMs: this.#since?.firstMs ?? nowMs, lastMs: nowMs };
    if (topic === 'hello') this.#pass(topic, null, this.replica);
  }

  #hearOther(from: string, topic: string, words: unknown): void {
    if (topic === 'bye') { this.#leave(from); return; }
    const isNew = !this.#heardMs.has(from);
    this.#heardMs.set(from, this.#clock.bootMs());
    if (isNew) this.#count();
    // Who says hello has missed what was said before; who is new here has said things before that were not heard.
    if (isNew || topic === 'hello') for (const { came } of this.#watchers) came?.(from);
    if (isNew && topic !== 'hello') this.#say('hello', null);
    if (topic === 'unsaid') this.#lost();
    this.#pass(topic, words, from);
  }

  #pass(topic: string, words: unknown, from: string): void {
    for (const listener of this.#listeners.get(topic) ?? []) listener(words as never, from);
  }

  #leave(replica: string): void {
    if (!this.#heardMs.delete(replica)) return;
    this.#count();
    for (const { gone } of this.#watchers) gone?.(replica);
  }

  #count(): void {
    this.#others = new Set(this.#heardMs.keys());
  }

  #lost(): void {
    for (const { lost } of this.#watchers) lost?.();
  }
}
