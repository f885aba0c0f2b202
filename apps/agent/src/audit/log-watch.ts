import { existsSync, mkdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { Fault, type Clock, type DesktopId, type FaultCode, type Log } from '@godwit/base';
import { openTreeHead, signWitness, verifyConsistency, type DeviceSecrets, type SignedTreeHead } from '@godwit/crypto';
import { bytesOf, textOf, type AnswerOf, type QueryOf, type Routes } from '@godwit/wire';
import type { Coordinator } from '../account/coordinator.ts';
import { writeDurably } from '../durable-file.ts';

export interface LogKey {
  readonly audience: string;
  /** Ed25519, learnt when this host was enrolled and kept: base64url. */
  readonly logKey: string;
}

export type ReceiptKind = QueryOf<Routes['readReceipt']>['kind'];
type Receipt = AnswerOf<Routes['readReceipt']>;

/**
 * The coordinator's audit log as this host has seen it, so that the coordinator can neither shorten nor exchange it. `log-head` in the
 * agent's home holds the newest head whose signature and descent were checked; `evidence/` the heads of every contradiction.
 */
export class LogWatch {
  readonly #directory: string;
  readonly #coordinator: Coordinator;
  readonly #key: { readonly audience: string; readonly signPublic: Buffer };
  readonly #clock: Clock;
  readonly #log: Log;
  #seen: SignedTreeHead | undefined;
  #turn: Promise<unknown> = Promise.resolve();

  /** Throws RECORD_DAMAGED for a remembered head that is none of this log. */
  constructor(options: { directory: string; coordinator: Coordinator; key: LogKey; clock: Clock; log: Log }) {
    this.#directory = options.directory;
    this.#coordinator = options.coordinator;
    this.#key = { audience: options.key.audience, signPublic: bytesOf(options.key.logKey) };
    this.#clock = options.clock;
    this.#log = options.log;
    this.#seen = this.#load();
  }

  /** What tree heads are checked against. */
  get key(): { readonly audience: string; readonly signPublic: Buffer } {
    return this.#key;
  }

  /** The newest head, after it was checked to descend from every one before. Throws LOG_ROLLED_BACK, LOG_FORKED, TREE_HEAD_INVALID. */
  contact(): Promise<SignedTreeHead> {
    return this.#inTurn(async () => {
      const { head, consistency } = await this.#coordinator.call('readTreeHead', { query: this.#query() });
      return this.#take(head, consistency);
    });
  }

  /** The leaf about a commit, a fork or an acquisition, with the head that proves it, which is checked as by `contact`. */
  receipt(desktopId: DesktopId, kind: ReceiptKind, number: number): Promise<{ readonly answer: Receipt; readonly head: SignedTreeHead }> {
    return this.#inTurn(async () => {
      const answer = await this.#coordinator.call('readReceipt', { params: { desktopId }, query: { kind, number: String(number), ...this.#query() } });
      return { answer, head: await this.#take(answer.head, answer.consistency) };
    });
  }

  /** This host's word about the newest head it saw, for the checkpoint whose manifest has `digest`. */
  async witness(digest: Buffer, device: DeviceSecrets): Promise<Buffer> {
    return signWitness(digest, this.#seen ?? (await this.contact()), device);
  }

  /** Keeps both sides of a contradiction and gives the fault to throw. */
  async alarm(code: FaultCode, expected: string, found: string, evidence: Record<string, unknown>): Promise<Fault> {
    const directory = join(this.#directory, 'evidence');
    mkdirSync(directory, { recursive: true, mode: 0o700 });
    const file = join(directory, `${code.toLowerCase().replaceAll('_', '-')}-${this.#clock.wallMs()}.json`);
    const remembered = this.#seen === undefined ? null : textOf(this.#seen.bytes);
    await writeDurably(file, `${JSON.stringify({ code, expected, found, audience: this.#key.audience, logKey: textOf(this.#key.signPublic), remembered, ...evidence }, undefined, 2)}\n`);
    this.#log.error('audit-log', { code, expected, found, file });
    return new Fault(code, { expected, found, subject: `evidence in ${file}` });
  }

  /** One question at a time: an answer that was overtaken would look like a log that has shrunk. */
  #inTurn<Result>(work: () => Promise<Result>): Promise<Result> {
    const turn = this.#turn.then(work, work);
    this.#turn = turn.catch(() => undefined); // Whoever asked is told; the next one has its own turn.
    return turn;
  }

  #query(): { seen?: string } {
    return this.#seen === undefined ? {} : { seen: textOf(this.#seen.bytes) };
  }

  async #take(shown: string, consistency: readonly string[]): Promise<SignedTreeHead> {
    const head = await this.#open(shown);
    const before = this.#seen;
    if (before === undefined) return this.#remember(head);
    if (head.size < before.size) throw await this.alarm('LOG_ROLLED_BACK', `${before.size} leaves or more`, `${head.size}`, { shown });
    try {
      verifyConsistency({ from: before.size, fromRoot: before.root, to: head.size, toRoot: head.root, proof: consistency.map(bytesOf) });
    } catch {
      throw await this.alarm('LOG_FORKED', `a log that begins with the ${before.size} leaves seen before`, `another of ${head.size}`, { shown, consistency });
    }
    return head.size > before.size ? this.#remember(head) : before;
  }

  async #open(shown: string): Promise<SignedTreeHead> {
    try {
      return openTreeHead(bytesOf(shown), this.#key);
    } catch (error) {
      const fault = Fault.from(error);
      throw await this.alarm('TREE_HEAD_INVALID', fault.expected ?? 'a head of this log', fault.found ?? 'another', { shown });
    }
  }

  async #remember(head: SignedTreeHead): Promise<SignedTreeHead> {
    await writeDurably(this.#file, head.bytes);
    this.#seen = head;
    return head;
  }

  get #file(): string {
    return join(this.#directory, 'log-head');
  }

  #load(): SignedTreeHead | undefined {
    if (!existsSync(this.#file)) return undefined;
    try {
      return openTreeHead(readFileSync(this.#file), this.#key);
    } catch (error) {
      throw new Fault('RECORD_DAMAGED', { subject: this.#file, cause: error });
    }
  }
}
