import { readdirSync, readFileSync } from 'node:fs';

/** The ids of the QEMU processes whose command line names a path below `directory`: what a test left running. */
export function processesOf(directory: string): number[] {
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .map(Number)
    .filter((pid) => {
      try {
        const [program = '', ...words] = readFileSync(`/proc/${pid}/cmdline`, 'latin1').split('\0');
        return program.includes('qemu-system') && words.some((word) => word.includes(`${directory}/`));
      } catch {
        return false; // It ended between the two looks.
      }
    });
}
