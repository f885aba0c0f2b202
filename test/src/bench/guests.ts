import { join, resolve } from 'node:path';
import { runProgram } from './running.ts';

/** The guests that figures are taken with. */

const root = resolve(import.meta.dirname, '..', '..', '..');

export const sizesMiB = [512, 2048, 4096] as const;
export type SizeMiB = (typeof sizesMiB)[number];
export const loads = ['idle', 'busy'] as const;
export type Load = (typeof loads)[number];

/** So much of its memory a guest fills, half of it with random bytes. */
export const fillMiB: Readonly<Record<SizeMiB, number>> = { 512: 200, 2048: 800, 4096: 2400 };
/** So much a busy guest writes per second, round and round over 64 MiB of its memory. */
export const busyMiBPerSecond = 16;

export function loadName(load: Load): string {
  return load === 'busy' ? `writes ${busyMiBPerSecond} MiB/s` : 'idle';
}

/** The image of a guest; it is built if it is not there. */
export async function guestImage(size: SizeMiB, load: Load): Promise<string> {
  if (size === 512 && load === 'idle') return join(root, '.cache/guest/guest.raw');
  const words = ['--fill', String(fillMiB[size]), '--write', String(load === 'busy' ? busyMiBPerSecond : 0)];
  return (await runProgram(process.execPath, [join(root, 'infra/guest/build.mjs'), ...words])).trim();
}

/** Installs restic and borg where they are missing; why that cannot be, or undefined. */
export async function installPeers(): Promise<string | undefined> {
  try {
    await runProgram(process.execPath, [join(root, 'infra/bootstrap/peers.mjs')]);
    return undefined;
  } catch (error) {
    return error instanceof Error ? error.message : String(error);
  }
}
