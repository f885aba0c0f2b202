import { Fault, type Clock, type HostId, type Log } from '@godwit/base';
import { headOfWitness, openTreeHead, openWitness, signTreeHead, type AuditLeaf, type Secret, type SignedTreeHead } from '@godwit/crypto';
import { reached, type Database } from '../database/database.ts';
import type { HeadMark } from './head-mark.ts';
import { LogReader } from './log-reader.ts';
import { requireContains, requireSound } from './soundness.ts';

export interface AuditLogOptions {
  readonly db: Database;
  readonly audience: string;
  readonly key: { readonly signPublic: Buffer; readonly signSecret: Secret };
  readonly mark: HeadMark;
  readonly clock: Clock;
  readonly log: Log;
}

/**
 * The log as the coordinator answers for it: it signs heads of it, and does not serve (`requireServing`) while it does not verify or
 * lacks what was signed. Only a database that has it all ends that; no verb does.
 */
export class AuditLog {
  readonly reader: LogReader;
  readonly #options: AuditLogOptions;
  #fault: Fault | undefined;

  constructor(options: AuditLogOptions) {
    this.#options = options;
    this.reader = new LogReader(options.db);
  }

  get signPublic(): Buffer {
    return this.#options.key.signPublic;
  }

  /** The check at the start: the whole tree, and that the newest head known to have been signed is in it. */
  async check(): Promise<void> {
    const { db, mark, audience, key, log } = this.#options;
    try {
      // One snapshot: other replicas go on writing to the log meanwhile.
      await reached(() => db.transaction().setIsolationLevel('repeatable read').setAccessMode('read only').execute((trx) => requireSound(trx)));
      const signed = mark.read();
      if (signed !== undefined) await requireContains(db, openTreeHead(signed, { audience, signPublic: key.signPublic }));
    } catch (error) {
      const fault = Fault.from(error);
      if (fault.code !== 'LOG_UNSOUND' && fault.code !== 'LOG_REWOUND' && fault.code !== 'TREE_HEAD_INVALID') throw error;
      this.#fault = fault.code === 'TREE_HEAD_INVALID' ? new Fault('LOG_REWOUND', { expected: 'the database whose heads were signed', found: 'another', cause: fault }) : fault;
      log.error('audit-log', { error: this.#fault });
    }
  }

  /** Throws LOG_UNSOUND or LOG_REWOUND while the log is not what it was. */
  requireServing(): void {
    if (this.#fault !== undefined) throw this.#fault;
  }

  async head(): Promise<SignedTreeHead> {
    const { audience, clock, key, mark } = this.#options;
    const head = signTreeHead({ audience, ...(await this.reader.newest()), timeMs: clock.wallMs() }, key.signSecret);
    mark.note(head);
    return head;
  }

  /**
   * The newest head and the proof from `seen` to it. A `seen` that this coordinator has signed and does not have is what a rewound
   * database looks like: from then on it does not serve, also after a restart. Throws TREE_HEAD_INVALID for one that it never signed.
   */
  async headSince(seen: Buffer | undefined): Promise<{ head: SignedTreeHead; consistency: Buffer[] }> {
    const { audience, key, db } = this.#options;
    const before = seen === undefined ? undefined : openTreeHead(seen, { audience, signPublic: key.signPublic });
    const head = await this.head();
    if (before === undefined) return { head, consistency: [] };
    try {
      await requireContains(db, before);
    } catch (error) {
      await this.#condemn(before, Fault.from(error));
    }
    return { head, consistency: before.size <= head.size ? await this.reader.consistency(before.size, head.size) : [] };
  }

  /** That a host's witness for its commit is one, and of this log. Throws LOG_WITNESS_INVALID, TREE_HEAD_INVALID, LOG_REWOUND. */
  async checkWitness(bytes: Buffer, by: { readonly hostId: HostId; readonly signPublic: Buffer; readonly digest: Buffer }): Promise<void> {
    const { audience, key, db } = this.#options;
    const seen = openWitness(bytes, by, { audience, signPublic: key.signPublic });
    try {
      await requireContains(db, seen);
    } catch (error) {
      await this.#condemn(seen, Fault.from(error));
      this.requireServing();
    }
  }

  /** From the head that a leaf's witness names to `head`, for whoever checks the witness. */
  async witnessed(leaf: AuditLeaf, head: SignedTreeHead): Promise<Buffer[]> {
    if (leaf.witness === null) return [];
    const { audience } = this.#options;
    // The commit checked it (checkWitness); a log that does not hold that head does not verify.
    const { size } = openTreeHead(headOfWitness(leaf.witness), { audience, signPublic: this.signPublic });
    return this.reader.consistency(Math.min(size, head.size), head.size);
  }

  async #condemn(seen: SignedTreeHead, fault: Fault): Promise<void> {
    if (fault.code !== 'LOG_REWOUND') throw fault;
    this.#fault ??= fault;
    this.#options.log.error('audit-log', { error: fault });
    await this.#options.mark.keep(seen);
  }
}
