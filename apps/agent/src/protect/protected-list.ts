import { existsSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { Fault, type DesktopId } from '@godwit/base';
import { z } from 'zod';
import { writeDurably } from '../durable-file.ts';
import type { Home } from '../home.ts';

const idSchema = z.string().regex(/^[0-9a-f]{32}$/).transform((text) => text as DesktopId);
const listSchema = z.strictObject({ version: z.literal(1), desktops: z.array(z.strictObject({ desktopId: idSchema, everyMs: z.int().min(1) })) });

/** Which desktops are protected whenever they run on this host, and how often. It stays when one goes elsewhere, and counts again when it comes back. */
export class ProtectedList {
  readonly #file: string;
  readonly #everyMs: Map<DesktopId, number>;

  private constructor(file: string, everyMs: Map<DesktopId, number>) {
    this.#file = file;
    this.#everyMs = everyMs;
  }

  /** Throws RECORD_DAMAGED. */
  static async load({ protectedFile }: Home): Promise<ProtectedList> {
    if (!existsSync(protectedFile)) return new ProtectedList(protectedFile, new Map());
    try {
      const { desktops } = listSchema.parse(JSON.parse(await readFile(protectedFile, 'utf8')));
      return new ProtectedList(protectedFile, new Map(desktops.map(({ desktopId, everyMs }) => [desktopId, everyMs])));
    } catch (error) {
      throw new Fault('RECORD_DAMAGED', { subject: protectedFile, cause: error });
    }
  }

  /** Undefined: it is not protected. */
  everyMs(desktopId: DesktopId): number | undefined {
    return this.#everyMs.get(desktopId);
  }

  /** Durable when it resolves. */
  async set(desktopId: DesktopId, everyMs: number | undefined): Promise<void> {
    if (everyMs === undefined) this.#everyMs.delete(desktopId);
    else this.#everyMs.set(desktopId, everyMs);
    const desktops = [...this.#everyMs].map(([id, every]) => ({ desktopId: id, everyMs: every }));
    await writeDurably(this.#file, `${JSON.stringify({ version: 1, desktops }, undefined, 2)}\n`);
  }
}
