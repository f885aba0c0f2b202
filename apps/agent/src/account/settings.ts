import { existsSync, readFileSync } from 'node:fs';
import { Fault, type AccountId } from '@godwit/base';
import { z } from 'zod';
import { writeDurably } from '../durable-file.ts';
import type { Home } from '../home.ts';

/** What an enrolled agent knows about its place: no secret in here. */
const settingsSchema = z.strictObject({
  version: z.literal(1),
  coordinator: z.url(),
  /** The coordinator's name for itself; requests are signed for it. */
  audience: z.string(),
  /** The key of its audit log's heads, likewise: a change of it is refused. */
  logKey: z.string().regex(/^[A-Za-z0-9_-]{43}$/),
  hostName: z.string(),
  /** What its person lets the warm cache take; absent: the default. */
  cacheLimitBytes: z.int().min(0).optional(),
  /** Its person lets no other host have desktops resumed on this one. */
  arrivalsRefused: z.literal(true).optional(),
  accountId: z.string().regex(/^[0-9a-f]{32}$/).transform((text) => text as AccountId),
});

export type Settings = z.infer<typeof settingsSchema>;

export async function saveSettings(home: Home, settings: Settings): Promise<void> {
  await writeDurably(home.settingsFile, `${JSON.stringify(settings, undefined, 2)}\n`);
}

/** Undefined before `init` or `join`. */
export function loadSettings(home: Home): Settings | undefined {
  if (!existsSync(home.settingsFile)) return undefined;
  try {
    return settingsSchema.parse(JSON.parse(readFileSync(home.settingsFile, 'utf8')));
  } catch (error) {
    throw new Fault('RECORD_DAMAGED', { subject: home.settingsFile, cause: error });
  }
}
