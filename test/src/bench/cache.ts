/**
 * `npm run bench:cache -- [--mib N] [--directory DIR]`: what the warm cache costs a suspend that writes its packs into it, a resume that keeps what it
 * fetches, and one that finds everything there, in CPU time; plain files of the same bytes beside it.
 */
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { open } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { WarmCache } from '@godwit/agent';
import { silentLog, systemClock, systemRandom } from '@godwit/base';

const { values } = parseArgs({ options: { mib: { type: 'string', default: '512' }, directory: { type: 'string', default: tmpdir() } } });
const MiB = 2 ** 20;
const packBytes = 8 * MiB;
const packs = Math.max(1, Math.floor((Number(values.mib) * MiB) / packBytes));
/** A pack, a request of the fill, a frame of memory. */
const pieces = [packBytes, 2 * MiB, 128 * 1024];

async function measured(what: string, lengthBytes: number, act: () => Promise<void>): Promise<void> {
  const [startedMs, before] = [performance.now(), process.cpuUsage()];
  await act();
  const ms = performance.now() - startedMs;
  const { user, system } = process.cpuUsage(before);
  const per = (cpuUs: number): string => (cpuUs / 1000 / (lengthBytes / MiB)).toFixed(2);
  process.stdout.write(`${what.padEnd(40)}${per(user + system)} ms of CPU per MiB (${per(user)} user, ${per(system)} system), ${Math.round(lengthBytes / 1000 / ms)} MB/s\n`);
}

/** Every piece of every pack, in order. */
async function eachPiece(pieceBytes: number, act: (pack: number, offsetBytes: number) => Promise<void> | void): Promise<void> {
  for (let pack = 0; pack < packs; pack++) for (let offsetBytes = 0; offsetBytes < packBytes; offsetBytes += pieceBytes) await act(pack, offsetBytes);
}

async function benchPlain(directory: string, content: Buffer): Promise<void> {
  mkdirSync(directory);
  const path = (pack: number): string => join(directory, `pack-${pack}`);
  await measured('plain files, written', packs * packBytes, async () => {
    for (let pack = 0; pack < packs; pack++) {
      await using file = await open(path(pack), 'wx');
      await file.write(content);
    }
  });
  for (const pieceBytes of pieces.slice(1)) {
    await measured(`plain files, read by ${pieceBytes / 1024} KiB`, packs * packBytes, async () => {
      for (let pack = 0; pack < packs; pack++) {
        await using file = await open(path(pack), 'r');
        for (let offsetBytes = 0; offsetBytes < packBytes; offsetBytes += pieceBytes) await file.read(Buffer.allocUnsafe(pieceBytes), 0, pieceBytes, offsetBytes);
      }
    });
  }
}

async function benchCache(directory: string, content: Buffer): Promise<void> {
  const cache = new WarmCache({ directory, clock: systemClock, log: silentLog, limitBytes: 2 * packs * packBytes });
  const keyOf = (pack: number): string => `d-1/e-1/h-1/p-a${pack}`;
  await cache.contents();
  for (const pieceBytes of pieces) {
    await cache.clear();
    await measured(`cache, kept by ${pieceBytes / 1024} KiB`, packs * packBytes, async () => {
      await eachPiece(pieceBytes, async (pack, offsetBytes) => {
        cache.keep(keyOf(pack), offsetBytes, content.subarray(offsetBytes, offsetBytes + pieceBytes));
        // So that nothing is dropped: an upload or a fetch takes longer than this.
        if ((offsetBytes + pieceBytes) % packBytes === 0) await cache.contents();
      });
      await cache.contents();
    });
  }
  for (const pieceBytes of pieces.slice(1)) {
    await measured(`cache, read by ${pieceBytes / 1024} KiB`, packs * packBytes, async () => {
      await eachPiece(pieceBytes, async (pack, offsetBytes) => {
        if ((await cache.read(keyOf(pack), { offsetBytes, lengthBytes: pieceBytes })).missing !== undefined) throw new Error('it has lost something: is the disk full?');
      });
    });
  }
  await cache.close();
}

const directory = mkdtempSync(join(values.directory, 'godwit-bench-cache-'));
try {
  const content = systemRandom(packBytes);
  await benchPlain(join(directory, 'plain'), content);
  await benchCache(join(directory, 'cache'), content);
} finally {
  rmSync(directory, { recursive: true });
}
