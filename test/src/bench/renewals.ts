/**
 * `npm run bench:renewals -- [--hosts N] [--seconds S] [--every MS] [--json FILE] [--cpu-prof DIR]`: what an accepted renewal of a strict
 * lease costs the coordinator in CPU time, its PostgreSQL apart. A real coordinator process, N hosts with keys and a strict desktop each,
 * every request signed and answered `current`. Without `--every` each host sends the next when it has its answer.
 */
import { writeFileSync } from 'node:fs';
import { parseArgs } from 'node:util';
import { cryptoReady } from '@godwit/crypto';
import { BenchCoordinator } from './bench-coordinator.ts';
import { enrolHosts, type BenchHost } from './bench-host.ts';

const { values } = parseArgs({
  options: { hosts: { type: 'string', default: '64' }, seconds: { type: 'string', default: '10' }, every: { type: 'string', default: '0' }, json: { type: 'string' }, 'cpu-prof': { type: 'string' } },
});
const [hostCount, seconds, everyMs] = [Number(values.hosts), Number(values.seconds), Number(values.every)];
const barMs = 0.5;
const warmUpMs = 5_000;
const print = (text: string): void => void process.stdout.write(`${text}\n`);
const sleep = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));

/** Renews until the time is over; how often it was accepted. Anything else than `current` ends the bench. */
async function renewUntil(host: BenchHost, endMs: number, paceMs: number, startDelayMs: number): Promise<number> {
  await sleep(startDelayMs);
  let accepted = 0;
  let nextMs = performance.now();
  while (performance.now() < endMs) {
    const { leases } = await host.call('renewLeases', { body: { leases: [{ desktopId: host.desktopId, epoch: 1 }] } });
    if (leases[0]?.state !== 'current' || leases[0].offline !== 'stop') throw new Error(`a renewal was answered ${JSON.stringify(leases)}`);
    accepted += 1;
    nextMs += paceMs;
    if (paceMs > 0) await sleep(Math.max(0, nextMs - performance.now()));
  }
  return accepted;
}

async function renewAll(hosts: readonly BenchHost[], paceMs: number, forMs: number): Promise<number> {
  const endMs = performance.now() + forMs;
  const counts = await Promise.all(hosts.map((host, index) => renewUntil(host, endMs, paceMs, (paceMs * index) / hosts.length)));
  return counts.reduce((sum, count) => sum + count, 0);
}

await cryptoReady();
await using coordinator = await BenchCoordinator.start(values['cpu-prof']);
const hosts = await enrolHosts(coordinator, hostCount);
// At full speed, whatever is measured: a coordinator that has run for a day has compiled what it runs.
await renewAll(hosts, 0, warmUpMs);
const [startedMs, before] = [performance.now(), coordinator.cpuMs()];
const accepted = await renewAll(hosts, everyMs, seconds * 1000);
const [elapsedMs, after] = [performance.now() - startedMs, coordinator.cpuMs()];
for (const host of hosts) host.close();
const figures = {
  hosts: hostCount,
  renewals: accepted,
  perSecond: Math.round((accepted / elapsedMs) * 1000),
  coordinatorCpuMsPerRenewal: round((after.coordinator - before.coordinator) / accepted),
  postgresCpuMsPerRenewal: round((after.postgres - before.postgres) / accepted),
  barMs,
};
print(`${figures.renewals} renewals by ${figures.hosts} hosts, ${figures.perSecond} per second`);
print(`coordinator: ${figures.coordinatorCpuMsPerRenewal} ms of CPU per renewal (bar ${barMs})`);
print(`PostgreSQL:  ${figures.postgresCpuMsPerRenewal} ms of CPU per renewal`);
if (values.json !== undefined) writeFileSync(values.json, `${JSON.stringify(figures, undefined, 2)}\n`);
process.exitCode = figures.coordinatorCpuMsPerRenewal <= barMs ? 0 : 1;

function round(ms: number): number {
  return Math.round(ms * 1000) / 1000;
}
