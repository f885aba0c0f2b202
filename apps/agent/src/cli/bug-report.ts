import { arch, release, type } from 'node:os';
import { Fault } from '@godwit/base';
import type { ControlResult } from '@godwit/wire';

/**
 * What a bug report has. It is made of named fields that hold no name, address, path, id or key: what is not listed here is not in it, so nothing
 * has to be found and struck out of it afterwards. Pure, but for the names of the system.
 */

/** The documents that it has, each with what stands in it. */
export const reportParts = {
  about: 'versions of Godwit, Node and the system',
  desktops: 'of each desktop state, epoch, checkpoint, sizes and times; desktops and hosts are numbered, not named',
  doctor: "the doctor's findings by their codes, and what it found out about QEMU, KVM, userfaultfd and the disk's speed",
  log: "of the agent's last lines time, level, event and the codes of faults; no other field",
} as const;

export interface BugReport {
  readonly version: 1;
  readonly about: { readonly godwit: string; readonly node: string; readonly system: string };
  readonly desktops: readonly Readonly<Record<string, unknown>>[] | { readonly refused: string };
  readonly doctor: readonly Readonly<Record<string, unknown>>[] | { readonly refused: string };
  readonly log: readonly LogLine[];
}

/** What was asked of the agent; a fault where it refused. */
export interface Gathered {
  readonly godwit: string;
  readonly status: ControlResult<'status'> | Fault;
  readonly doctor: ControlResult<'doctor'> | Fault;
  /** Lines of the agent's log, oldest first. */
  readonly logLines: readonly string[];
}

export function bugReport({ godwit, status, doctor, logLines }: Gathered): BugReport {
  return {
    version: 1,
    about: { godwit, node: process.version, system: `${type()} ${release()} ${arch()}` },
    desktops: status instanceof Fault ? { refused: status.code } : desktopsOf(status),
    doctor: doctor instanceof Fault ? { refused: doctor.code } : doctor.findings.map(findingOf),
    log: logLines.flatMap((line) => logLineOf(line) ?? []),
  };
}

function desktopsOf({ hostName, reachable, desktops }: ControlResult<'status'>): Readonly<Record<string, unknown>>[] {
  const hosts = [...new Set([hostName, ...desktops.map(({ holder }) => holder)])].filter((name) => name !== null);
  return desktops.map(({ state, holder, epoch, sequence, memoryBytes, qemuResidentBytes, offline, holding, arrival, departure }, index) => ({
    desktop: index + 1, host: holder === null ? null : hosts.indexOf(holder) + 1, coordinatorInReach: reachable, state, epoch, sequence, memoryBytes, qemuResidentBytes, offline, holding, arrival: numbersOf(arrival), departure: numbersOf(departure),
  }));
}

/** Of a record of figures those that are numbers, and whether there was something else. */
function numbersOf(figures: object | null): Readonly<Record<string, number>> | null {
  return figures === null ? null : Object.fromEntries(Object.entries(figures).filter((entry): entry is [string, number] => typeof entry[1] === 'number'));
}

/** Checks whose words are about this kind of machine and never about whose it is. */
const nameless: ReadonlySet<string> = new Set(['qemu', 'machine-types', 'rights', 'kvm', 'userfaultfd', 'background-snapshot', 'core-dumps', 'clock']);

function findingOf({ code, check, state, found, fixed }: ControlResult<'doctor'>['findings'][number]): Readonly<Record<string, unknown>> {
  // Where a check fails its words are those of somebody else's fault, which may name a file.
  return { code, check, state, fixed, ...(nameless.has(code) && state !== 'bad' ? { found: found.replace(/ \(\/.*\)$/, '') } : {}) };
}

interface LogLine {
  readonly time: string;
  readonly level: string;
  readonly event: string;
  /** Of faults in its fields, the cause last. */
  readonly codes: readonly string[];
}

const causesMax = 8;

function logLineOf(line: string): LogLine | undefined {
  let parsed: unknown;
  try {
    parsed = JSON.parse(line);
  } catch {
    return undefined; // Cut off by a crash, or not of the log.
  }
  if (typeof parsed !== 'object' || parsed === null) return undefined;
  const { time, level, event, error } = parsed as Readonly<Record<string, unknown>>;
  if (!isWord(event, /^[a-z][a-z0-9.-]{0,63}$/) || !isWord(level, /^[a-z]{1,8}$/) || !isWord(time, /^[0-9TZ:.-]{1,32}$/)) return undefined;
  return { time, level, event, codes: codesOf(error) };
}

function codesOf(error: unknown): string[] {
  const codes: string[] = [];
  for (let each = error, depth = 0; typeof each === 'object' && each !== null && depth < causesMax; depth += 1) {
    const { code, cause } = each as Readonly<Record<string, unknown>>;
    if (isWord(code, /^[A-Z][A-Z0-9_]{0,63}$/)) codes.push(code);
    each = cause;
  }
  return codes;
}

function isWord(value: unknown, pattern: RegExp): value is string {
  return typeof value === 'string' && pattern.test(value);
}
