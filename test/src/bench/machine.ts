import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { availableParallelism, cpus, loadavg, release, totalmem } from 'node:os';

/** What the figures were measured on; `loadBefore`: of the last minute, which has to be near 0 for them to mean anything. */
export interface BenchMachine {
  readonly cpu: string;
  readonly cores: number;
  readonly memoryBytes: number;
  readonly kernel: string;
  readonly system: string;
  readonly qemu: string;
  readonly node: string;
  readonly restic: string | null;
  readonly borg: string | null;
  readonly loadBefore: number;
}

export function describeMachine(): BenchMachine {
  return {
    cpu: cpus()[0]?.model ?? 'unknown',
    cores: availableParallelism(),
    memoryBytes: totalmem(),
    kernel: release(),
    system: /^PRETTY_NAME="(.*)"$/m.exec(readFileSync('/etc/os-release', 'utf8'))?.[1] ?? 'unknown',
    qemu: versionOf('qemu-system-x86_64', '--version') ?? 'none',
    node: process.version,
    restic: versionOf('restic', 'version'),
    borg: versionOf('borg', '--version'),
    loadBefore: loadavg()[0] ?? 0,
  };
}

/** Null where the program is not installed. */
export function versionOf(program: string, word: string): string | null {
  try {
    return /\d+\.\d+(\.\d+)?/.exec(execFileSync(program, [word], { encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] }))?.[0] ?? null;
  } catch {
    return null; // It is not there: its rows are left out, and that is said.
  }
}
