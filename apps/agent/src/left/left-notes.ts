import { existsSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { Fault, type DesktopId } from '@godwit/base';
import type { DesktopStatus } from '@godwit/wire';
import { z } from 'zod';
import { writeDurably } from '../durable-file.ts';
import type { Home } from '../home.ts';
import type { Left } from './new-desktop.ts';

const noteSchema = z.strictObject({
  /** What it was called before it was taken over, and what it is called now. */
  name: z.string(),
  leftAs: z.string(),
  desktopId: z.string().regex(/^[0-9a-f]{32}$/).transform((text) => text as DesktopId),
  takenBy: z.string().nullable(),
  /** stored: to be resumed anywhere. here: to be started on this host. */
  where: z.enum(['stored', 'here']),
});
const notesSchema = z.strictObject({ version: z.literal(1), notes: z.array(noteSchema) });

export type LeftNote = z.infer<typeof noteSchema>;

/** Nobody has gone on with it. */
const waitingStates: ReadonlySet<DesktopStatus['state']> = new Set(['left', 'free', 'stopped']);
/** The newest so many are told; one desktop is rarely taken over twice before its user looks. */
const notesMax = 16;

/** What its user is told about copies that were left behind on this host, until somebody goes on with them. Throws RECORD_DAMAGED. */
export async function leftNotes({ leftFile }: Home): Promise<LeftNote[]> {
  if (!existsSync(leftFile)) return [];
  try {
    return notesSchema.parse(JSON.parse(await readFile(leftFile, 'utf8'))).notes;
  } catch (error) {
    throw new Fault('RECORD_DAMAGED', { subject: leftFile, cause: error });
  }
}

/** Durable before the folder of the copy goes: else nobody would know why there is one desktop more. */
export async function noteLeft(home: Home, formerName: string, { desktopId, name, takenBy }: Left, where: LeftNote['where']): Promise<void> {
  const others = (await leftNotes(home)).filter((note) => note.desktopId !== desktopId);
  await save(home, [...others, { name: formerName, leftAs: name, desktopId, takenBy, where }].slice(-notesMax));
}

/**
 * The same desktops, with what their user should know of those that were left behind here. Forgets what somebody has gone on with since, or what
 * is gone. `desktops`: all of the account, seen from here while the coordinator was in reach.
 */
export async function withLeftNotes(home: Home, desktops: readonly DesktopStatus[]): Promise<DesktopStatus[]> {
  const notes = await leftNotes(home);
  const waiting = notes.filter((note) => desktops.some(({ desktopId, state }) => desktopId === note.desktopId && waitingStates.has(state)));
  if (waiting.length < notes.length) await save(home, waiting);
  const texts = new Map<string, string>(waiting.map((note) => [note.desktopId, leftText(note)]));
  return desktops.map((desktop) => ({ ...desktop, note: desktop.note ?? texts.get(desktop.desktopId) ?? null }));
}

function leftText({ name, leftAs, takenBy, where }: LeftNote): string {
  return `${name} was taken over by ${takenBy ?? 'another host'}; what was here is kept as ${leftAs}: godwit ${where === 'stored' ? 'resume' : 'start'} ${leftAs}`;
}

async function save({ leftFile }: Home, notes: readonly LeftNote[]): Promise<void> {
  await writeDurably(leftFile, `${JSON.stringify({ version: 1, notes }, undefined, 2)}\n`);
}
