import { readdirSync, readFileSync } from 'node:fs';

/** Linux counts CPU time in these, whatever the kernel's own tick is (man 5 proc_pid_stat, sysconf _SC_CLK_TCK). */
const tickMs = 10;

/** CPU time that a process used so far, its children apart. */
export function cpuMsOf(pid: number): number {
  return statOf(pid)[0]?.ownMs ?? 0;
}

/** CPU time that its children used so far, and theirs; with `program` only those of that name, and what ended below them. */
export function cpuMsBelow(pid: number, program?: string): number {
  const stats = readdirSync('/proc').filter((name) => /^\d+$/.test(name)).flatMap((name) => statOf(Number(name)));
  const children = new Map<number, Stat[]>();
  for (const stat of stats) children.set(stat.parent, [...(children.get(stat.parent) ?? []), stat]);
  const below = (parent: number): number => (children.get(parent) ?? []).reduce((sum, stat) => sum + (program === undefined || stat.program === program ? stat.ownMs + stat.endedMs : 0) + below(stat.pid), 0);
  return below(pid);
}

/** Of memory, now. */
export function residentBytesOf(pid: number): number {
  return Number(/VmRSS:\s+(\d+) kB/.exec(readFileSync(`/proc/${pid}/status`, 'latin1'))?.[1] ?? 0) * 1024;
}

interface Stat {
  readonly pid: number;
  /** Its first 15 characters. */
  readonly program: string;
  readonly parent: number;
  readonly ownMs: number;
  /** Of its children that ended and were waited for. */
  readonly endedMs: number;
}

function statOf(pid: number): Stat[] {
  try {
    const text = readFileSync(`/proc/${pid}/stat`, 'latin1');
    // The name in brackets may hold anything; field 3 follows the last one.
    const fields = text.slice(text.lastIndexOf(')') + 2).split(' ').map(Number);
    const at = (field: number): number => fields[field - 3] ?? 0;
    return [{ pid, program: text.slice(text.indexOf('(') + 1, text.lastIndexOf(')')), parent: at(4), ownMs: (at(14) + at(15)) * tickMs, endedMs: (at(16) + at(17)) * tickMs }];
  } catch {
    return []; // It ended between the two looks.
  }
}
