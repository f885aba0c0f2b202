import { statSync } from 'node:fs';
import { killedByGuard } from '../guard/guard.ts';
import type { LocalDesktop } from './local-desktop.ts';

/** What a person is told of a desktop whose machine is not as it should be, with the ways on. */

export function silentNote({ name, silent }: LocalDesktop): string {
  return `its QEMU (process ${silent?.id.pid ?? 0}) does not answer and is asked again; \`godwit stop --force ${name}\` ends it`;
}

/** Its machine ended by itself or with its host: what there is now, and the two ways on. Undefined for one that was switched off, or never ran. */
export function endedNote(desktop: LocalDesktop): string | undefined {
  const { name, record } = desktop;
  if (record.machine === null) return undefined;
  const wroteMs = Math.max(...record.disks.map(({ layers }) => wroteAtMs(desktop.path(layers.at(-1)!.file))));
  const wrote = wroteMs > 0 ? `; it last wrote to its disk at ${new Date(wroteMs).toISOString()}` : '';
  const back = record.base === null ? '' : `, \`godwit resume ${name} --discard\` goes back to checkpoint ${record.base.sequence}`;
  const ended = killedByGuard(desktop.home, record.machine) ? 'its guard ended its machine, because its lease was not renewed in time' : 'its machine ended by itself';
  return `${ended}${wrote}. \`godwit start ${name}\` boots from that disk as after a power cut${back}`;
}

function wroteAtMs(path: string): number {
  return statSync(path, { throwIfNoEntry: false })?.mtimeMs ?? 0;
}
