import { existsSync, readFileSync } from 'node:fs';
import { Fault, type DesktopId } from '@godwit/base';
import { z } from 'zod';
import { writeDurably } from '../durable-file.ts';

/** A desktop's head as somebody shows it. `digest`: SHA-256 of the manifest, base64url. */
export interface SeenHead {
  readonly epoch: number;
  readonly sequence: number;
  readonly digest: string;
}

const seenHead = z.strictObject({ name: z.string(), epoch: z.int().min(1), sequence: z.int().min(1), digest: z.string().regex(/^[A-Za-z0-9_-]{43}$/) });
const memorySchema = z.strictObject({ version: z.literal(1), heads: z.record(z.string().regex(/^[0-9a-f]{32}$/), seenHead) });

/**
 * The newest checkpoint of each desktop whose manifest this host has verified or written, on disk (fsynced), so that nobody shows it an
 * older one as the newest. Only what was verified is remembered: a lie that is believed would shut out the truth.
 */
export class HeadMemory {
  readonly #file: string;
  #heads: Readonly<Record<string, z.infer<typeof seenHead>>>;
  /** One after the other: each writes what all before it remembered. */
  #turn: Promise<unknown> = Promise.resolve();

  private constructor(file: string, heads: Readonly<Record<string, z.infer<typeof seenHead>>>) {
    this.#file = file;
    this.#heads = heads;
  }

  /** Throws RECORD_DAMAGED: a memory that cannot be read is no reason to believe everything. */
  static load(file: string): HeadMemory {
    if (!existsSync(file)) return new HeadMemory(file, {});
    try {
      return new HeadMemory(file, memorySchema.parse(JSON.parse(readFileSync(file, 'utf8'))).heads);
    } catch (error) {
      throw new Fault('RECORD_DAMAGED', { subject: file, cause: error });
    }
  }

  seen(desktopId: DesktopId): SeenHead | undefined {
    return this.#heads[desktopId];
  }

  /** The name under which a head was seen; for a desktop that is not shown any more. */
  idsNamed(name: string): DesktopId[] {
    return Object.entries(this.#heads).flatMap(([id, head]) => (head.name === name ? [id as DesktopId] : []));
  }

  /**
   * Throws HEAD_ROLLED_BACK for a head that is older than one seen, for another one in its place, and for none. `parent`: the digest of
   * the checkpoint before `head`, where it is known: the one after the seen head has to follow it.
   */
  check(desktop: { readonly desktopId: DesktopId; readonly name: string }, head: (SeenHead & { readonly parent?: string | null }) | null): void {
    const seen = this.#heads[desktop.desktopId];
    if (seen === undefined) return;
    const refuse = (expected: string, found: string): never => {
      throw new Fault('HEAD_ROLLED_BACK', { subject: desktop.name, expected, found });
    };
    const expected = `checkpoint ${seen.sequence} or a later one, epoch ${seen.epoch} or later`;
    if (head === null) return refuse(expected, 'no checkpoint');
    if (head.sequence < seen.sequence || head.epoch < seen.epoch) refuse(expected, `checkpoint ${head.sequence}, epoch ${head.epoch}`);
    if (head.sequence === seen.sequence && head.digest !== seen.digest) refuse(`checkpoint ${seen.sequence} with digest ${seen.digest}`, `digest ${head.digest}`);
    if (head.sequence === seen.sequence + 1 && head.parent !== undefined && head.parent !== seen.digest) refuse(`a checkpoint ${head.sequence} that follows digest ${seen.digest}`, `one that follows ${head.parent ?? 'nothing'}`);
  }

  /** After `check`, for a head whose manifest was verified here or made here. Durable when it resolves. */
  remember(desktop: { readonly desktopId: DesktopId; readonly name: string }, { epoch, sequence, digest }: SeenHead): Promise<void> {
    const remembering = this.#turn.then(async () => {
      const seen = this.#heads[desktop.desktopId];
      if (seen !== undefined && (sequence < seen.sequence || (sequence === seen.sequence && seen.name === desktop.name))) return;
      const heads = { ...this.#heads, [desktop.desktopId]: { name: desktop.name, epoch, sequence, digest } };
      await writeDurably(this.#file, `${JSON.stringify({ version: 1, heads })}\n`);
      // Only now: what is remembered here and not on the disk would never be written again.
      this.#heads = heads;
    });
    this.#turn = remembering.catch(() => undefined); // Whoever asked for it is told; the next one has its own chance.
    return remembering;
  }
}
