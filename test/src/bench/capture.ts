/**
 * `npm run bench:capture -- [--mib N] [--stream FILE] [--runs N] [--json FILE] [--flame FILE]`: what the capture path takes without QEMU, network and
 * disk: a migration stream is sent through a socket, as QEMU would, to the threads that every suspend uses, with a store in memory. First
 * a checkpoint of all of it, then one in which nothing changed. `--stream`: a recorded one (`migrate "exec:cat > FILE"`); else one is made up, 40 % of its
 * memory filled, half of that random. `--flame` writes a flame graph of the threads.
 */
import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { createWriteStream, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { ThreadedCheckpoint } from '@godwit/agent';
import { ByteWriter, newId, systemClock, systemRandom, type DesktopId } from '@godwit/base';
import { createDevice, cryptoReady, Secret } from '@godwit/crypto';
import { eagerClosing, eagerOpening, pageBytes, ramPages, ramZeroPages } from '@godwit/qemu';
import { desktopKeys, PageDigests, type ObjectStore } from '@godwit/snapshot';
import { flameOf, flameSvg, topsOf, type CpuProfile, type FlameRow } from './flame.ts';
import { describeMachine } from './machine.ts';

const { values } = parseArgs({ options: { mib: { type: 'string', default: '512' }, stream: { type: 'string' }, runs: { type: 'string', default: '3' }, json: { type: 'string' }, flame: { type: 'string' } } });
const megabyte = 2 ** 20;
const filledPart = 0.4;

interface CaptureFigures {
  /** All of it the first time, nothing new the second. */
  readonly what: 'first' | 'unchanged';
  /** The first byte to the last, taken. */
  readonly receivedMs: number;
  /** The same to every pack in the store. */
  readonly finishedMs: number;
  /** Of the whole process, all threads. */
  readonly cpuMs: number;
  readonly pagesChanged: number;
  readonly packBytes: number;
}

/** What the encoder of a resume makes, which is what QEMU sends: every page of one block, then a little device state. */
async function makeStream(path: string, memoryBytes: number): Promise<void> {
  const block = { id: 'pc.ram', usedLengthBytes: memoryBytes };
  const configuration = new ByteWriter(15).u8(7).u32(10).put(Buffer.from('pc-q35-7.2')).finish();
  const file = createWriteStream(path);
  const write = async (buffers: readonly Buffer[]): Promise<void> => {
    if (!file.write(Buffer.concat(buffers))) await once(file, 'drain');
  };
  await write(eagerOpening({ configuration, blocks: [block] }));
  const count = 64;
  const text = Buffer.alloc(pageBytes / 2, 'what a program has in its memory is neither random nor all the same; ');
  for (let first = 0; first < memoryBytes / pageBytes; first += count) {
    const pages = Uint32Array.from({ length: count }, (_, at) => first + at);
    if (first >= (memoryBytes / pageBytes) * filledPart) await write(ramZeroPages(block.id, { blockIndex: 0, count, pages }));
    else {
      const halves = pages.reduce<Buffer[]>((parts) => [...parts, systemRandom(pageBytes / 2), text], []);
      await write(ramPages(block.id, { blockIndex: 0, count, pages, bytes: Buffer.concat(halves) }));
    }
  }
  const device = new ByteWriter(70_000).put(Buffer.from('04000000090574696d657200000000 00000002'.replace(' ', ''), 'hex')).put(Buffer.alloc(60_000, 0x5a)).put(Buffer.from('7e00000009', 'hex')).finish();
  await write(eagerClosing(device));
  file.end();
  await once(file, 'finish');
}

/** Another process sends, so that this one's processor time is the capture's own. */
function send(stream: string, socket: string): void {
  const program = `require('node:fs').createReadStream(${JSON.stringify(stream)}, { highWaterMark: 262144 }).pipe(require('node:net').connect(${JSON.stringify(socket)}))`;
  spawn(process.execPath, ['-e', program], { stdio: 'inherit' });
}

async function capture(what: CaptureFigures['what'], stream: string, directory: string, digests: PageDigests): Promise<CaptureFigures> {
  let packBytes = 0;
  const put = (_key: string, body: Uint8Array): Promise<void> => {
    packBytes += body.length;
    return Promise.resolve();
  };
  const store = { put } as ObjectStore;
  const keys = desktopKeys(newId<DesktopId>(systemRandom), new Map([[1, new Secret(systemRandom(32))]]));
  const options = { store, keys, signer: createDevice(systemRandom), epoch: 1, keyGeneration: 1, chain: { length: 1, headHash: Buffer.alloc(32) }, regions: [], random: systemRandom, clock: systemClock };
  const before = process.cpuUsage();
  const checkpoint = new ThreadedCheckpoint(options, digests, []);
  const socket = join(directory, 'out');
  await checkpoint.receiver.listen(socket, { kind: 'self' });
  send(stream, socket);
  let startedMs = 0;
  await checkpoint.receiver.receive(() => (startedMs = performance.now()), () => undefined);
  const receivedMs = performance.now() - startedMs;
  await checkpoint.finish({ contract: Buffer.from('{}'), sequence: 1, stats: { bytesScanned: 0, pauseMs: 0 } });
  const { user, system } = process.cpuUsage(before);
  return { what, receivedMs, finishedMs: performance.now() - startedMs, cpuMs: (user + system) / 1000, pagesChanged: checkpoint.pagesChanged ?? 0, packBytes };
}

/** One more run in a process of its own, with V8's profiler in every thread. */
function drawFlame(stream: string, directory: string, path: string): void {
  const profiles = join(directory, 'profiles');
  const words = ['--cpu-prof', '--cpu-prof-interval', '500', '--cpu-prof-dir', profiles, process.argv[1]!, '--stream', stream, '--runs', '1'];
  const { status } = spawnSync(process.execPath, words, { stdio: ['ignore', 'ignore', 'inherit'] });
  if (status !== 0) throw new Error(`the profiled run ended with ${status}`);
  const rows = readdirSync(profiles).map((name): FlameRow & { what: string } => {
    const profile = JSON.parse(readFileSync(join(profiles, name), 'utf8')) as CpuProfile;
    const ran = (file: string): boolean => profile.nodes.some(({ callFrame: { url } }) => url.endsWith(file));
    const what = ran('capture-worker.js') ? 'capture thread' : ran('pack-worker.js') ? 'pack thread' : 'main thread';
    return { what, title: what, flame: flameOf(profile) };
  });
  // Of each the longest: the first checkpoint's. Those of the second have next to nothing to do.
  const longest = ['capture thread', 'pack thread', 'main thread'].flatMap((what) => rows.filter((row) => row.what === what).sort((a, b) => b.flame.totalUs - a.flame.totalUs).slice(0, 1));
  writeFileSync(path, flameSvg(longest));
  for (const { title, flame } of longest) {
    const tops = topsOf(flame, 8).map(({ name, selfUs }) => `${name} ${(selfUs / 1000).toFixed(0)}`);
    process.stdout.write(`${title}, ${(flame.totalUs / 1000).toFixed(0)} ms: ${tops.join(', ')}\n`);
  }
}

async function main(): Promise<void> {
  await cryptoReady();
  const directory = mkdtempSync('/tmp/godwit-p-');
  try {
    const stream = values.stream ?? join(directory, 'stream');
    if (values.stream === undefined) await makeStream(stream, Number(values.mib) * megabyte);
    const runs: CaptureFigures[] = [];
    for (let run = 0; run < Number(values.runs); run += 1) {
      const digests = new PageDigests([], systemRandom);
      for (const what of ['first', 'unchanged'] as const) {
        const figures = await capture(what, stream, directory, digests);
        runs.push(figures);
        process.stdout.write(`${what.padEnd(9)} received after ${figures.receivedMs.toFixed(0)} ms, in the store after ${figures.finishedMs.toFixed(0)} ms, ${figures.cpuMs.toFixed(0)} ms of CPU, ${figures.pagesChanged} pages, ${(figures.packBytes / 1e6).toFixed(2)} MB\n`);
      }
    }
    if (values.flame !== undefined) drawFlame(stream, directory, values.flame);
    if (values.json !== undefined) writeFileSync(values.json, `${JSON.stringify({ machine: describeMachine(), streamBytes: statSync(stream).size, runs }, undefined, 2)}\n`);
  } finally {
    rmSync(directory, { recursive: true, force: true });
  }
}

await main();
