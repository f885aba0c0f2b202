import { cont, queryStatus } from '@godwit/qemu';
import type { Machine } from './machine.ts';

const lookMs = 1_000;

/**
 * QEMU stops a guest whose write finds no room on this host's disk (its default, `werror=enospc`), and leaves it so. This lets it try
 * again every second until there is room: the write that failed is then done, and the guest has noticed nothing but the time.
 * `onWait` is told when the wait begins (true) and when it is over (false). While `mayRun` says no the guest is left as it is.
 */
export function outwaitFullDisk(machine: Machine, mayRun: () => boolean, onWait: (waits: boolean) => void): void {
  let waiting = false;
  machine.qmp.on('BLOCK_IO_ERROR', ({ data }) => {
    if (data['nospace'] !== true || waiting) return;
    waiting = true;
    onWait(true);
    void outwait(machine, mayRun).finally(() => {
      waiting = false;
      onWait(false);
    });
  });
}

async function outwait({ qmp }: Machine, mayRun: () => boolean): Promise<void> {
  for (;;) {
    await new Promise((resolve) => setTimeout(resolve, lookMs));
    try {
      if ((await queryStatus(qmp)).status !== 'io-error') return;
      if (mayRun()) await cont(qmp);
    } catch {
      return; // The machine has ended, which whoever holds it is told by the machine itself.
    }
  }
}
