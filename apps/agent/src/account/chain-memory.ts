import { existsSync, readFileSync } from 'node:fs';
import { ByteReader, ByteWriter, Fault, type Clock } from '@godwit/base';
import { assertExtends, ENTRY_BYTES_MAX, replayChain, type ChainState } from '@godwit/crypto';
import { writeDurably } from '../durable-file.ts';
import type { Coordinator } from './coordinator.ts';

const magic = Buffer.from('GWCHAIN1', 'latin1');

/**
 * The account's device chain as this host has seen it, on disk, so that the coordinator can neither shorten nor exchange it.
 * File: magic 8, then per entry u16 length and its bytes.
 */
export class ChainMemory {
  readonly #file: string;
  readonly #clock: Clock;
  #entries: readonly Buffer[];
  #state: ChainState;
  #confirmedBootMs: number | undefined;

  private constructor(file: string, clock: Clock, entries: readonly Buffer[]) {
    this.#file = file;
    this.#clock = clock;
    this.#entries = entries;
    this.#state = replayChain(entries);
  }

  /** Begins with entries that the caller has reason to trust: its own genesis, or a join whose fingerprint a person compares. */
  static async begin(file: string, clock: Clock, entries: readonly Buffer[]): Promise<ChainMemory> {
    const memory = new ChainMemory(file, clock, entries);
    await memory.#save();
    memory.#confirmedBootMs = clock.bootMs();
    return memory;
  }

  static load(file: string, clock: Clock): ChainMemory {
    if (!existsSync(file)) throw new Fault('RECORD_DAMAGED', { subject: file, found: 'no file' });
    const reader = new ByteReader(readFileSync(file), 'RECORD_DAMAGED');
    if (!reader.take(magic.length).equals(magic)) throw new Fault('RECORD_DAMAGED', { subject: file });
    const entries: Buffer[] = [];
    while (reader.remainingBytes > 0) {
      const lengthBytes = reader.u16();
      if (lengthBytes > ENTRY_BYTES_MAX) throw new Fault('RECORD_DAMAGED', { subject: file });
      entries.push(reader.take(lengthBytes));
    }
    return new ChainMemory(file, clock, entries);
  }

  get state(): ChainState {
    return this.#state;
  }

  /** Milliseconds since the coordinator last showed this chain as the newest; Infinity when it has not since this agent started. */
  get ageMs(): number {
    return this.#confirmedBootMs === undefined ? Infinity : this.#clock.bootMs() - this.#confirmedBootMs;
  }

  /** Fetches what is new and takes it in. Throws CHAIN_ROLLED_BACK or CHAIN_FORKED where the coordinator shows another past. */
  async refresh(coordinator: Coordinator): Promise<ChainState> {
    const askedBootMs = this.#clock.bootMs();
    const entries: Buffer[] = [];
    for (;;) {
      const page = await coordinator.call('readChain', { query: entries.length === 0 ? {} : { from: String(entries.length) } });
      entries.push(...page.entries.map((entry) => Buffer.from(entry, 'base64url')));
      if (entries.length >= page.length || page.entries.length === 0) break;
    }
    const state = assertExtends({ length: this.#state.length, headHash: this.#state.headHash }, entries);
    const grown = state.length > this.#state.length;
    this.#state = state;
    this.#entries = entries;
    if (grown) await this.#save();
    this.#confirmedBootMs = askedBootMs;
    return state;
  }

  async #save(): Promise<void> {
    const writer = new ByteWriter(1024).put(magic);
    for (const entry of this.#entries) writer.u16(entry.length).put(entry);
    await writeDurably(this.#file, writer.finish());
  }
}
