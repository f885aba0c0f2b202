/**
 * `npm run bench:verify -- [--mib N] [--directory DIR]`: how fast a checkpoint is captured and verified with all its data, and how much
 * larger sealed bytes are than compressed ones. The content is what a running system has in memory: the code and data of Node itself.
 */
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { systemClock, systemRandom, type DesktopId } from '@godwit/base';
import { createDevice, cryptoReady, Secret } from '@godwit/crypto';
import { CheckpointReader, CheckpointWriter, defineRegion, desktopKeys, directoryStore, leafCountOf, memoryStore, packKeyOf, verifyDesktop, type ObjectStore } from '@godwit/snapshot';

const { values } = parseArgs({ options: { mib: { type: 'string', default: '256' }, rounds: { type: 'string', default: '3' }, directory: { type: 'string' } } });
const lengthBytes = Number(values.mib) * 1024 * 1024;
const batchPages = 1024;
const print = (text: string): void => void process.stdout.write(`${text}\n`);
const megabytes = (bytes: number, ms: number): string => `${Math.round(bytes / 1000 / ms)} MB/s`;

async function timed<Result>(action: () => Promise<Result>): Promise<{ result: Result; ms: number; cpuMs: number }> {
  const [startedMs, startedCpu] = [performance.now(), process.cpuUsage()];
  const result = await action();
  const { user, system } = process.cpuUsage(startedCpu);
  return { result, ms: performance.now() - startedMs, cpuMs: (user + system) / 1000 };
}

async function bench(store: ObjectStore): Promise<void> {
  const keys = desktopKeys(systemRandom(16).toString('hex') as DesktopId, new Map([[1, new Secret(systemRandom(32))]]));
  const signer = createDevice(systemRandom);
  const ram = defineRegion({ id: 1, kind: 'ram', name: 'pc.ram', lengthBytes });
  const content = readFileSync(process.execPath);
  const wholeBytes = content.length - (content.length % (batchPages * ram.pageBytes));
  const capture = async (): Promise<Buffer> => {
    const writer = new CheckpointWriter({ store, keys, epoch: 1, keyGeneration: 1, signer, chain: { length: 1, headHash: Buffer.alloc(32) }, regions: [ram], random: systemRandom, clock: systemClock });
    for (let page = 0; page * ram.pageBytes < lengthBytes; page += batchPages) {
      const numbers = Uint32Array.from({ length: Math.min(batchPages, lengthBytes / ram.pageBytes - page) }, (_, at) => page + at);
      const from = (page * ram.pageBytes) % wholeBytes;
      await writer.putPages(ram.id, numbers, Buffer.from(content.subarray(from, from + numbers.length * ram.pageBytes)));
    }
    return (await writer.finish({ contract: Buffer.from('{}'), sequence: 1, stats: { bytesScanned: 0, pauseMs: 0 } })).manifest;
  };
  const { result: manifest, ms: captureMs, cpuMs: captureCpuMs } = await timed(capture);
  print(`capture: ${values.mib} MiB of pages in ${Math.round(captureMs)} ms, ${megabytes(lengthBytes, captureMs)}, ${Math.round(captureCpuMs)} ms of CPU`);
  const reader = await CheckpointReader.open({ store, keys, manifest, signerPublic: signer.signPublic });
  await printOverhead(reader, store, manifest.length);
  for (const data of [false, true]) {
    for (let round = 1; round <= Number(values.rounds); round += 1) {
      const { result: report, ms, cpuMs } = await timed(async () => await verifyDesktop({ store, keys, head: manifest, signerPublicOf: () => signer.signPublic, data }));
      if (!report.ok) throw new Error('the checkpoint does not verify');
      print(`verify${data ? ' --data' : '       '}: ${(report.bytes / 1e6).toFixed(1)} MB of ciphertext in ${Math.round(ms)} ms, ${megabytes(report.bytes, ms)}; ${report.pages} pages, ${Math.round(cpuMs)} ms of CPU`);
    }
  }
}

/** Everything that lies in the store against the compressed pages in it. */
async function printOverhead(reader: CheckpointReader, store: ObjectStore, manifestBytes: number): Promise<void> {
  const [region] = reader.regions;
  let compressedBytes = 0;
  const seen = new Set<string>();
  for (let leafIndex = 0; leafIndex < leafCountOf(region!); leafIndex += 1) {
    for (const { packId, frameIndex, sealedBytes } of (await reader.leaf(region!.id, leafIndex)).frames) {
      if (!seen.has(`${packId}/${frameIndex}`)) compressedBytes += sealedBytes - 16;
      seen.add(`${packId}/${frameIndex}`);
    }
  }
  const packs = reader.manifest.public.packs;
  const sealedBytes = packs.reduce((sum, pack) => sum + pack.lengthBytes, manifestBytes);
  print(`sealed: ${sealedBytes} bytes for ${compressedBytes} compressed, factor ${(sealedBytes / compressedBytes).toFixed(5)}; pages were compressed to ${((100 * compressedBytes) / lengthBytes).toFixed(1)} %`);
  if ((await store.size(packKeyOf(packs[0]!))) !== packs[0]!.lengthBytes) throw new Error('the store does not hold what the manifest lists');
}

await cryptoReady();
if (values.directory === undefined) await bench(memoryStore());
else {
  const directory = mkdtempSync(join(values.directory === '' ? tmpdir() : values.directory, 'godwit-bench-'));
  try {
    await bench(directoryStore({ directory }));
  } finally {
    rmSync(directory, { recursive: true });
  }
}
