import { readdirSync, readFileSync } from 'node:fs';
import { basename } from 'node:path';
import { Fault } from '@godwit/base';
import { isRunning, parentOf, processId, signalTo, type ProcessId } from './process-id.ts';

/** Programs that this agent starts on a desktop's files, and what it starts them by. */
const programs = /^(qemu-system-.+|qemu-img|unshare|setpriv)$/;
/** A killed process is gone within milliseconds, unless the kernel holds it: then its folder is not to be touched. */
const goneMs = 5_000;
const pollMs = 20;

/**
 * The processes of QEMU that work in `directory`, by their command lines: an argument names a path below it. Nothing but the path counts, so
 * only `directory` of one desktop of one home, absolute, means what it should.
 */
export function machinesOf(directory: string): ProcessId[] {
  return readdirSync('/proc').flatMap((name) => {
    if (!/^\d+$/.test(name) || !namesPathBelow(commandLineOf(name), directory)) return [];
    return processId(Number(name)) ?? [];
  });
}

/** Pure. `words`: program and arguments. A path begins where the word begins, or behind `=` or a quotation mark. */
export function namesPathBelow([program = '', ...words]: readonly string[], directory: string): boolean {
  if (!programs.test(basename(program))) return false;
  return words.some((word) => {
    for (let at = word.indexOf(`${directory}/`); at >= 0; at = word.indexOf(`${directory}/`, at + 1)) if (at === 0 || '="'.includes(word[at - 1]!)) return true;
    return false;
  });
}

/** Those of `machines` that are neither the machine `kept` nor what it was started by and waits for its end. */
export function strangersTo(kept: ProcessId | null, machines: readonly ProcessId[]): ProcessId[] {
  if (kept === null || !isRunning(kept)) return [...machines];
  const parent = parentOf(kept);
  return machines.filter(({ pid }) => pid !== kept.pid && pid !== parent);
}

/** Ends all of them at once. Throws QEMU_STUCK for one that is still there after 5 s. */
export async function endMachines(machines: readonly ProcessId[]): Promise<void> {
  for (const machine of machines) signalTo(machine, 'SIGKILL');
  for (let waitedMs = 0; ; waitedMs += pollMs) {
    const [left] = machines.filter(isRunning);
    if (left === undefined) return;
    if (waitedMs > goneMs) throw new Fault('QEMU_STUCK', { found: `process ${left.pid}` });
    await new Promise((resolve) => setTimeout(resolve, pollMs));
  }
}

function commandLineOf(pid: string): string[] {
  try {
    return readFileSync(`/proc/${pid}/cmdline`, 'utf8').split('\0');
  } catch {
    return []; // It ended between the two looks.
  }
}
