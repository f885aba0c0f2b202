import { constants, readFileSync } from 'node:fs';
import { open, writeFile, type FileHandle } from 'node:fs/promises';
import { join } from 'node:path';
import type { ProcessId } from '../machine/process-id.ts';

/**
 * What agent and guard tell each other: three small files of fixed length in a folder of the agent's user, each written over in place.
 * Not replaced, because a full disk would refuse the new file, and then stop a guest whose lease was just renewed; what is read half old
 * and half new gives itself away, because every number is there twice. They need not outlive the machine's boot, so nothing is synced.
 */
export interface GuardFiles {
  /** Agent to guard: until when the lease holds. */
  readonly deadline: string;
  /** Guard to agent: which deadline it follows, and what it has done. */
  readonly seen: string;
  /** Who guards which QEMU. Written once, by the guard. */
  readonly guard: string;
  readonly log: string;
}

export function guardFiles(directory: string): GuardFiles {
  return { deadline: join(directory, 'deadline'), seen: join(directory, 'seen'), guard: join(directory, 'guard'), log: join(directory, 'log') };
}

/** What the guard has done to QEMU: nothing; paused its guest; stopped the process, because it did not answer; killed it. */
export type GuardDeed = 'none' | 'paused' | 'frozen' | 'killed';

export interface Seen {
  /** Null: none yet. */
  readonly deadlineMs: number | null;
  readonly deed: GuardDeed;
}

/** All files are shorter. */
const fileBytesMax = 256;
const numberDigits = 15;
const absent = '-'.repeat(numberDigits);
const deeds: readonly GuardDeed[] = ['none', 'paused', 'frozen', 'killed'];
const deedChars = 6;

/** `deadlineMs` on CLOCK_BOOTTIME, null: there is nothing to guard any more. */
export function encodeDeadline(bootId: string, deadlineMs: number | null): string {
  return `godwit-deadline 1 ${bootId} ${twice(deadlineMs)}\n`;
}

/** Undefined for bytes that are no deadline, one of another boot, or one that reaches further ahead than any lease. */
export function decodeDeadline(bytes: string, bootId: string, limitMs: number): number | null | undefined {
  const [, boot, first, second] = /^godwit-deadline 1 ([0-9a-f-]{36}) ([\d-]{15}) ([\d-]{15})\n$/.exec(bytes) ?? [];
  if (boot !== bootId) return undefined;
  const deadlineMs = once(first, second);
  return typeof deadlineMs === 'number' && deadlineMs > limitMs ? undefined : deadlineMs;
}

export function encodeSeen({ deadlineMs, deed }: Seen): string {
  return `godwit-seen 1 ${twice(deadlineMs)} ${deed.padEnd(deedChars, '.')} ${deed.padEnd(deedChars, '.')}\n`;
}

export function decodeSeen(bytes: string): Seen | undefined {
  const [, first, second, word, again] = /^godwit-seen 1 ([\d-]{15}) ([\d-]{15}) ([a-z.]{6}) ([a-z.]{6})\n$/.exec(bytes) ?? [];
  const deadlineMs = once(first, second);
  const deed = deeds.find((known) => known.padEnd(deedChars, '.') === word);
  return deadlineMs === undefined || deed === undefined || word !== again ? undefined : { deadlineMs, deed };
}

export interface GuardRecord {
  readonly guard: ProcessId;
  readonly machine: ProcessId;
}

export function encodeGuard(bootId: string, { guard, machine }: GuardRecord): string {
  return `godwit-guard 1 ${bootId} ${guard.pid} ${guard.startTicks} ${machine.pid} ${machine.startTicks}\n`;
}

/** Undefined for anything else than a guard of this boot. */
export function decodeGuard(bytes: string, bootId: string): GuardRecord | undefined {
  const [, boot, pid, startTicks, machinePid, machineTicks] = /^godwit-guard 1 ([0-9a-f-]{36}) ([1-9]\d{0,9}) (\d{1,20}) ([1-9]\d{0,9}) (\d{1,20})\n$/.exec(bytes) ?? [];
  if (boot !== bootId) return undefined;
  return { guard: { pid: Number(pid), startTicks: startTicks! }, machine: { pid: Number(machinePid), startTicks: machineTicks! } };
}

/** The text of one of the files; undefined where there is none. */
export async function readSmall(path: string): Promise<string | undefined> {
  try {
    await using file = await open(path, 'r');
    return await readOpen(file);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw error;
  }
}

/** The text of one of the files that was opened before. */
export async function readOpen(file: FileHandle): Promise<string> {
  const { buffer, bytesRead } = await file.read(Buffer.alloc(fileBytesMax), 0, fileBytesMax, 0);
  return buffer.toString('latin1', 0, bytesRead);
}

/** Makes the file, mode 0600. Throws where there is one. */
export async function makeSmall(path: string, text: string): Promise<void> {
  await writeFile(path, Buffer.from(text, 'latin1'), { flag: 'wx', mode: 0o600 });
}

/** Writes over the file from its beginning. Texts for one file have one length. Makes none: the folder may just be on its way out. */
export async function writeSmall(path: string, text: string): Promise<void> {
  await using file = await open(path, constants.O_WRONLY | constants.O_NOFOLLOW);
  await file.write(Buffer.from(text, 'latin1'), 0, text.length, 0);
}

/** Changes with each boot: on the boot clock of another one a deadline says nothing. */
export function readBootId(): string {
  return readFileSync('/proc/sys/kernel/random/boot_id', 'latin1').trim();
}

function twice(number: number | null): string {
  const text = number === null ? absent : String(number).padStart(numberDigits, '0');
  return `${text} ${text}`;
}

/** Undefined unless both say the same. */
function once(first: string | undefined, second: string | undefined): number | null | undefined {
  if (first === undefined || first !== second) return undefined;
  if (first === absent) return null;
  return /^\d+$/.test(first) ? Number(first) : undefined;
}
