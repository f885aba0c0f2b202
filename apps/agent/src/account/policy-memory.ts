import { existsSync, readFileSync } from 'node:fs';
import { Fault, type DesktopId } from '@godwit/base';
import { z } from 'zod';
import { writeDurably } from '../durable-file.ts';

/** An offline policy that this host has verified or signed. */
export interface SeenPolicy {
  readonly mode: 'keep' | 'stop';
  /** The signer's clock. */
  readonly signedMs: number;
  /** As it was signed, base64url. */
  readonly policy: string;
}

const seenPolicy = z.strictObject({ mode: z.enum(['keep', 'stop']), signedMs: z.int().min(0), policy: z.string().max(512) });
const memorySchema = z.strictObject({ version: z.literal(1), policies: z.record(z.string().regex(/^[0-9a-f]{32}$/), seenPolicy) });

/**
 * The newest offline policy of each desktop that this host has verified, on disk (fsynced), so that nobody shows it an older one, or none,
 * as the newest.
 */
export class PolicyMemory {
  readonly #file: string;
  #policies: Readonly<Record<string, SeenPolicy>>;
  /** One after the other: each writes what all before it remembered. */
  #turn: Promise<unknown> = Promise.resolve();

  private constructor(file: string, policies: Readonly<Record<string, SeenPolicy>>) {
    this.#file = file;
    this.#policies = policies;
  }

  /** Throws RECORD_DAMAGED: a memory that cannot be read is no reason to believe everything. */
  static load(file: string): PolicyMemory {
    if (!existsSync(file)) return new PolicyMemory(file, {});
    try {
      return new PolicyMemory(file, memorySchema.parse(JSON.parse(readFileSync(file, 'utf8'))).policies);
    } catch (error) {
      throw new Fault('RECORD_DAMAGED', { subject: file, cause: error });
    }
  }

  seen(desktopId: DesktopId): SeenPolicy | undefined {
    return this.#policies[desktopId];
  }

  /** For one that was verified here or signed here; an older one changes nothing. Durable when it resolves. */
  remember(desktopId: DesktopId, seen: SeenPolicy): Promise<void> {
    const remembering = this.#turn.then(async () => {
      const before = this.#policies[desktopId];
      if (before !== undefined && before.signedMs >= seen.signedMs) return;
      const policies = { ...this.#policies, [desktopId]: seen };
      await writeDurably(this.#file, `${JSON.stringify({ version: 1, policies })}\n`);
      // Only now: what is remembered here and not on the disk would never be written again.
      this.#policies = policies;
    });
    this.#turn = remembering.catch(() => undefined); // Whoever asked for it is told; the next one has its own chance.
    return remembering;
  }
}
