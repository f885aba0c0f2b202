import { dirname } from 'node:path';

/**
 * Whether a trace of file calls (strace.ts) wrote as a power cut wants it: a file is synced before it takes a name, and the folder after that and after a folder was made in it.
 * Returns what was not. Pure.
 */
export function orderFindings(calls: readonly string[]): string[] {
  const pathOf = new Map<string, string>();
  const synced = new Set<string>();
  const folders = new Map<string, string>();
  const findings: string[] = [];
  for (const call of calls) {
    const [, opened, fd] = /^openat\(AT_FDCWD, "([^"]*)".* = (\d+)$/.exec(call) ?? [];
    if (opened !== undefined) pathOf.set(fd!, opened);
    const [, name, on] = /^(write|fsync|close)\((\d+)[,)]/.exec(call) ?? [];
    const path = on === undefined ? undefined : pathOf.get(on);
    if (path !== undefined && name === 'write') synced.delete(path);
    if (path !== undefined && name === 'fsync' && call.endsWith(' = 0')) {
      synced.add(path);
      folders.delete(path);
    }
    if (on !== undefined && name === 'close') pathOf.delete(on);
    const [, made] = /^mkdir\("([^"]*)", .* = 0$/.exec(call) ?? [];
    if (made !== undefined) folders.set(dirname(made), made);
    const [, from, to] = /^(?:rename|link)\("([^"]*)", "([^"]*)"\) += 0$/.exec(call) ?? [];
    if (from === undefined || to === undefined) continue;
    if (!synced.has(from)) findings.push(`${from} takes the name ${to} before it is synced`);
    folders.set(dirname(to), to);
  }
  return [...findings, ...[...folders].map(([folder, file]) => `${folder} is not synced after ${file} got its name`)];
}
