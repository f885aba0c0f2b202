/**
 * `npm run bench:store -- [--mib N] [--ranges N] [--connections N] [--json FILE] [--cpu-prof DIR]`: what the coordinator's own store takes
 * for plain PUTs and GETs by signed URLs, in time and in CPU time of the coordinator's process and of its PostgreSQL, and how long a ranged
 * GET takes, as a page fault waits for one.
 */
import { writeFileSync } from 'node:fs';
import { parseArgs } from 'node:util';
import { cryptoReady } from '@godwit/crypto';
import { BenchCoordinator } from './bench-coordinator.ts';
import { enrolHosts } from './bench-host.ts';
import { describeMachine } from './machine.ts';
import { plainGet, plainObjectBytes, plainPut, plainRanges, type PlainPlace } from './plain-store.ts';

const { values } = parseArgs({
  options: { mib: { type: 'string', default: '224' }, ranges: { type: 'string', default: '4000' }, connections: { type: 'string', default: '4' }, json: { type: 'string' }, 'cpu-prof': { type: 'string' } },
});
const totalBytes = Number(values.mib) * 2 ** 20;
const rangeCount = Number(values.ranges);
const rangeSizes = [64, 256, 2048].map((kib) => kib * 1024);
const print = (text: string): void => void process.stdout.write(`${text}\n`);

interface Cost {
  readonly ms: number;
  readonly megabytesPerSecond: number;
  readonly coordinatorCpuMs: number;
  readonly coordinatorCpuMsPerGigabyte: number;
  readonly postgresCpuMs: number;
}

async function measured<Result>(coordinator: BenchCoordinator, bytes: number, act: () => Promise<Result>): Promise<{ cost: Cost; result: Result }> {
  const [startedMs, before] = [performance.now(), coordinator.cpuMs()];
  const result = await act();
  const [ms, after] = [performance.now() - startedMs, coordinator.cpuMs()];
  const coordinatorCpuMs = after.coordinator - before.coordinator;
  const cost = { ms: round(ms), megabytesPerSecond: Math.round(bytes / 1000 / ms), coordinatorCpuMs, coordinatorCpuMsPerGigabyte: Math.round((coordinatorCpuMs / bytes) * 1e9), postgresCpuMs: after.postgres - before.postgres };
  return { cost, result };
}

async function measureRanges(coordinator: BenchCoordinator, place: PlainPlace, objects: Parameters<typeof plainRanges>[1], rangeBytes: number): Promise<Cost & { readonly rangeKiB: number; readonly coordinatorCpuMsPerGet: number; readonly p50Ms: number; readonly p99Ms: number }> {
  // The same bytes in all, whatever the size of a range: the largest ones would else be all that this run does.
  const count = Math.max(100, Math.round((rangeCount * rangeSizes[0]!) / rangeBytes));
  const { cost, result: took } = await measured(coordinator, count * rangeBytes, () => plainRanges(place, objects, count, rangeBytes));
  const sorted = [...took].sort((a, b) => a - b);
  const at = (share: number): number => round(sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))]!);
  return { ...cost, rangeKiB: rangeBytes / 1024, coordinatorCpuMsPerGet: round(cost.coordinatorCpuMs / count), p50Ms: at(0.5), p99Ms: at(0.99) };
}

function costText({ ms, megabytesPerSecond, coordinatorCpuMs, coordinatorCpuMsPerGigabyte, postgresCpuMs }: Cost): string {
  return `${Math.round(ms)} ms, ${megabytesPerSecond} MB/s; coordinator ${coordinatorCpuMs} ms of CPU (${coordinatorCpuMsPerGigabyte} ms per GB), PostgreSQL ${postgresCpuMs} ms`;
}

await cryptoReady();
await using coordinator = await BenchCoordinator.start(values['cpu-prof']);
const [host] = await enrolHosts(coordinator, 1);
const place: PlainPlace = { url: coordinator.url, host: host!, connections: Number(values.connections) };
// A coordinator that has run for a day has compiled what it runs.
await plainGet(place, (await plainPut(place, 4 * plainObjectBytes)).objects);
const put = await measured(coordinator, totalBytes, () => plainPut(place, totalBytes));
print(`PUT: ${costText(put.cost)}`);
const { objects } = put.result;
const get = await measured(coordinator, totalBytes, () => plainGet(place, objects));
print(`GET: ${costText(get.cost)}`);
const ranges = [];
for (const connections of [1, place.connections]) {
  for (const rangeBytes of rangeSizes) {
    const range = { connections, ...(await measureRanges(coordinator, { ...place, connections }, objects, rangeBytes)) };
    print(`GET of ${range.rangeKiB} KiB, ${connections} at once: p50 ${range.p50Ms} ms, p99 ${range.p99Ms} ms; coordinator ${range.coordinatorCpuMsPerGet} ms of CPU each`);
    ranges.push(range);
  }
}
host!.close();
if (values.json !== undefined) writeFileSync(values.json, `${JSON.stringify({ machine: describeMachine(), totalBytes, connections: place.connections, put: put.cost, get: get.cost, ranges }, undefined, 2)}\n`);

function round(value: number): number {
  return Math.round(value * 1000) / 1000;
}
