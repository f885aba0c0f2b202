/**
 * Loaded into a real agent before anything else (`node --import`): its host seems to be another one, by what kernel and QEMU tell of it. The
 * agent's own code is as it is. `GODWIT_FAULT` is a JSON object of `HostFault`.
 */
import fs from 'node:fs';
import fsPromises from 'node:fs/promises';
import { syncBuiltinESMExports } from 'node:module';

export interface HostFault {
  readonly memoryKib?: number;
  readonly diskBlocks?: number;
  readonly qemuMajor?: number;
  /** Of every CPU model. */
  readonly missingFlag?: string;
}

const { memoryKib, diskBlocks, qemuMajor, missingFlag } = JSON.parse(process.env['GODWIT_FAULT'] ?? '{}') as HostFault;

if (memoryKib !== undefined) {
  const read = fs.readFileSync;
  // The one overload that the agent uses: a path and an encoding.
  const replaced = (...request: Parameters<typeof read>): ReturnType<typeof read> => {
    const text = read(...request);
    return request[0] === '/proc/meminfo' && typeof text === 'string' ? text.replace(/^MemAvailable:.*$/m, `MemAvailable: ${memoryKib} kB`) : text;
  };
  fs.readFileSync = replaced as typeof read;
}

if (diskBlocks !== undefined) {
  const statfs = fsPromises.statfs;
  const replaced = async (path: fs.PathLike): Promise<fs.StatsFs> => Object.assign(await statfs(path), { bavail: diskBlocks });
  fsPromises.statfs = replaced as typeof statfs;
}

if (qemuMajor !== undefined || missingFlag !== undefined) {
  const parse = JSON.parse.bind(JSON);
  JSON.parse = (...request: Parameters<typeof parse>): unknown => changed(parse(...request));
}

interface QmpAnswer {
  readonly return?: { qemu?: { major: number } } | readonly { 'unavailable-features'?: string[] }[];
}

/** What QEMU says of itself, as another one would. */
function changed(value: unknown): unknown {
  const said = (value as QmpAnswer | null)?.return;
  if (Array.isArray(said)) {
    for (const model of said as { 'unavailable-features'?: string[] }[]) if (missingFlag !== undefined) model['unavailable-features']?.push(missingFlag);
  } else if (qemuMajor !== undefined && said !== undefined && 'qemu' in said && said.qemu !== undefined) said.qemu.major = qemuMajor;
  return value;
}

syncBuiltinESMExports();
