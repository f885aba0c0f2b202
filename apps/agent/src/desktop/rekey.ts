import type { ControlArguments, ControlResult } from '@godwit/wire';
import { rewrapKeys } from '../account/rekey.ts';
import type { Report } from '../daemon/control-server.ts';
import { rewriteDesktop } from './compact.ts';
import { findDesktop } from './find-desktop.ts';
import type { Host } from './host.ts';

/** All packs are to go, however much of them is live. */
const everyPack = Infinity;

/** Puts a desktop's keys under the newest account key; with `full` also its newest checkpoint under the newest desktop key, which needs it free. */
export async function rekey(host: Host, { name, full }: ControlArguments<'rekey'>, report: Report): Promise<ControlResult<'rekey'>> {
  const { keys, generation } = await rewrapKeys(host.account, await findDesktop(host.account, name));
  if (!full) return { name, keys, generation, full: null };
  const { sequence, packs, bytes, bytesWritten } = await rewriteDesktop(host, await findDesktop(host.account, name), report, everyPack);
  return { name, keys, generation, full: { sequence: sequence!, packs, bytes, bytesWritten } };
}
