import { parseArgs } from 'node:util';
import { appendToPeaks, leafHash, peaksOf, proveConsistency, proveInclusion, rootFromPeaks, verifyConsistency, verifyInclusion, type LogNode } from '@godwit/crypto';

/** `node test/dist/bench/audit-proofs.js [--leaves N]`: what a proof of the audit log costs at N leaves (a million unless told). */

const { values } = parseArgs({ options: { leaves: { type: 'string' } } });
const size = Number(values.leaves ?? 1_000_000);
const rounds = 200;

const levels: Buffer[][] = [];
let peaks: Buffer[] = [];
const buildStartedMs = performance.now();
for (let from = 0; from < size; from += 4096) {
  const hashes = Array.from({ length: Math.min(4096, size - from) }, (_, offset) => leafHash(Buffer.from(`leaf ${from + offset}`)));
  const grown = appendToPeaks(from, peaks, hashes);
  for (const { level, position, hash } of grown.nodes) (levels[level] ??= [])[position] = hash;
  peaks = grown.peaks;
}
const root = rootFromPeaks(peaks);
const buildMs = performance.now() - buildStartedMs;

let reads = 0;
const read = (nodes: readonly LogNode[]): Promise<Buffer[]> => {
  reads += nodes.length;
  return Promise.resolve(nodes.map(({ level, position }) => levels[level]![position]!));
};

const costs: number[] = [];
for (let round = 0; round < rounds; round += 1) {
  const index = Math.floor((size * round) / rounds);
  const inclusion = await proveInclusion(index, size, read);
  const fromRoot = rootFromPeaks(await read(peaksOf(index + 1)));
  const consistency = await proveConsistency(index + 1, size, read);
  const startedMs = performance.now();
  verifyInclusion({ index, size, leaf: levels[0]![index]!, proof: inclusion, root });
  verifyConsistency({ from: index + 1, fromRoot, to: size, toRoot: root, proof: consistency });
  costs.push(performance.now() - startedMs);
}
costs.sort((x, y) => x - y);
const figures = { leaves: size, buildMs: Math.round(buildMs), checkMedianMs: costs[rounds / 2], checkWorstMs: costs.at(-1), readsPerProof: reads / (3 * rounds) };
process.stdout.write(`${JSON.stringify(figures)}\n`);
