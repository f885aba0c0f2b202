/**
 * `npm run bench:fleet -- [--quick] [--hosts N] [--moves PER_SECOND] [--seconds S] [--json FILE]`: what two replicas on one PostgreSQL, one Redis
 * and one bucket take. Every host has an account, keys, a strict desktop and an event stream, and renews it every five seconds; beside them
 * desktops move. All run on this machine, the hosts too. First renewals alone, then checkpoints and moves, for what one costs; then a part of the
 * load, and twice as much each time until it does not bear it; the figures that are asked for are those of the whole load. With `--quick` a tenth
 * of the hosts and moves, and the whole of that alone. Exit code 1 where anything that was asked for failed at the whole load.
 */
import { writeFileSync } from 'node:fs';
import { parseArgs } from 'node:util';
import { cryptoReady } from '@godwit/crypto';
import { dropSharedCluster } from '@godwit/api/testing';
import type { BenchHost } from './bench-host.ts';
import { eachOf, keptNow, nonceBytesNow, perYear, year, type Kept } from './fleet-growth.ts';
import { steadily, type Timed } from './fleet-load.ts';
import { FleetStage, replicaNames, type FleetCpu } from './fleet-stage.ts';
import { describeMachine } from './machine.ts';

const { values } = parseArgs({
  options: { quick: { type: 'boolean', default: false }, hosts: { type: 'string' }, moves: { type: 'string' }, seconds: { type: 'string' }, json: { type: 'string' } },
});
const hostCount = Number(values.hosts ?? (values.quick ? 500 : 5_000));
const movesWanted = Number(values.moves ?? (values.quick ? 5 : 50));
const seconds = Number(values.seconds ?? (values.quick ? 8 : 30));
const renewEveryMs = 5_000;
const shares = values.quick ? [1] : [1 / 8, 1 / 4, 1 / 2, 1, 2, 4, 8];
/** More than these, or a hundredth of it that takes longer than this, is not borne. */
const missedMax = 0.01;
const bearableMs = 1_000;
const mostUnderWay = 1_000;
const print = (text: string): void => void process.stdout.write(`${text}\n`);
const round = (value: number): number => Math.round(value * 1000) / 1000;

/** One share of the whole load, as it went. */
interface Step {
  readonly share: number;
  readonly renewalsPerSecond: number;
  readonly movesPerSecond: number;
  readonly p50Ms: number;
  readonly p99Ms: number;
  readonly moveP50Ms: number;
  readonly moveP99Ms: number;
  readonly errors: number;
  /** Due while as many as the bench keeps under way were. */
  readonly missed: number;
  /** Of the machine's cores, all that was measured together. */
  readonly coresUsed: number;
  readonly borne: boolean;
}

async function renew(host: BenchHost): Promise<void> {
  const { leases } = await host.call('renewLeases', { body: { leases: [{ desktopId: host.desktopId, epoch: 1 }] } });
  if (leases[0]?.state !== 'current') throw new Error(`a renewal was answered ${JSON.stringify(leases)}`);
}

const renewAll = ({ hosts }: FleetStage, share: number, forMs: number): Promise<Timed> => steadily({ perSecond: (share * hosts.length * 1000) / renewEveryMs, forMs, mostUnderWay }, (index) => renew(hosts[index % hosts.length]!));

/** What each of `count` took, of what has been used since `before`, less what else was done meanwhile. */
function costOf(before: FleetCpu, after: FleetCpu, count: number): FleetCpu {
  const each = (part: keyof FleetCpu): number => round((after[part] - before[part]) / count);
  return { coordinators: each('coordinators'), postgres: each('postgres'), redis: each('redis'), bench: each('bench') };
}

/** So many, a few at a time, with nothing beside them: what one costs and leaves behind. */
async function unit(stage: FleetStage, count: number, work: (index: number) => Promise<void>): Promise<{ readonly cpuMs: FleetCpu; readonly kept: Kept }> {
  const [cpu, kept] = [stage.cpuMs(), await keptNow(stage.fleet.databaseUrl)];
  for (let done = 0; done < count; done += 4) await Promise.all(Array.from({ length: Math.min(4, count - done) }, (_, at) => work(done + at)));
  return { cpuMs: costOf(cpu, stage.cpuMs(), count), kept: eachOf(kept, await keptNow(stage.fleet.databaseUrl), count) };
}

async function step(stage: FleetStage, share: number): Promise<Step> {
  const { moving } = stage;
  const [startedMs, before] = [performance.now(), stage.cpuMs()];
  const [renewals, moves] = await Promise.all([
    renewAll(stage, share, seconds * 1000),
    steadily({ perSecond: share * movesWanted, forMs: seconds * 1000, mostUnderWay: moving.length }, (index) => moving[index % moving.length]!.move()),
  ]);
  const [tookMs, after] = [performance.now() - startedMs, stage.cpuMs()];
  const [errors, missed] = [renewals.errors + moves.errors, renewals.missed + moves.missed];
  const p99Ms = renewals.quantileMs(0.99);
  const made = {
    share,
    renewalsPerSecond: round((renewals.done * 1000) / tookMs), movesPerSecond: round((moves.done * 1000) / tookMs),
    p50Ms: round(renewals.quantileMs(0.5)), p99Ms: round(p99Ms), moveP50Ms: round(moves.quantileMs(0.5)), moveP99Ms: round(moves.quantileMs(0.99)),
    errors, missed,
    coresUsed: round((['coordinators', 'postgres', 'redis', 'bench'] as const).reduce((sum, part) => sum + after[part] - before[part], 0) / tookMs),
    borne: errors === 0 && missed <= missedMax * (renewals.begun + moves.begun) && p99Ms <= bearableMs,
  };
  print(`${share} of the load: ${made.renewalsPerSecond} renewals and ${made.movesPerSecond} moves a second; a renewal ${made.p50Ms} ms, p99 ${made.p99Ms} ms; a move ${made.moveP50Ms} ms, p99 ${made.moveP99Ms} ms; ${errors} errors, ${missed} not begun; ${made.coresUsed} cores`);
  if (errors > 0) print(`  the first error: ${String(renewals.firstError ?? moves.firstError)}`);
  return made;
}

async function steps(stage: FleetStage): Promise<Step[]> {
  const made: Step[] = [];
  for (const share of shares) {
    if (made.some(({ borne }) => !borne)) break;
    made.push(await step(stage, share));
  }
  if (!made.some(({ share }) => share === 1)) made.push(await step(stage, 1));
  return made;
}

await cryptoReady();
{
  const machine = describeMachine();
  print(`making ${hostCount} hosts`);
  await using stage = await FleetStage.raise(hostCount, Math.max(8, movesWanted * 2));
  const { moving, fleet } = stage;
  // A coordinator that has run for a day has compiled what it runs.
  await renewAll(stage, 1, seconds * 500);
  await Promise.all(moving.map((desktop) => desktop.move()));
  const before = stage.cpuMs();
  const alone = await renewAll(stage, 1, seconds * 1000);
  const renewal = costOf(before, stage.cpuMs(), alone.done);
  const checkpoint = await unit(stage, values.quick ? 40 : 500, (index) => moving[index % moving.length]!.checkpoint());
  const move = await unit(stage, values.quick ? 40 : 500, (index) => moving[index % moving.length]!.move());
  const made = await steps(stage);
  const whole = made.find(({ share }) => share === 1)!;
  const kept = perYear(move.kept, checkpoint.kept);
  const figures = {
    machine, hosts: hostCount, replicas: replicaNames.length, streams: stage.streams, seconds,
    renewalsPerSecond: whole.renewalsPerSecond, movesPerSecond: whole.movesPerSecond, p50Ms: whole.p50Ms, p99Ms: whole.p99Ms, errors: whole.errors,
    cpuMsPerRenewal: renewal.coordinators,
    renewalCpuMs: renewal, renewalAlonePerSecond: round((alone.done * 1000) / (seconds * 1000)), renewalAloneP99Ms: round(alone.quantileMs(0.99)),
    checkpointCpuMs: checkpoint.cpuMs, checkpointKept: checkpoint.kept, moveCpuMs: move.cpuMs, moveKept: move.kept,
    desktopYear: { ...year, ...kept },
    residentBytesPerReplica: stage.residentBytes(),
    nonceBytes: await nonceBytesNow(fleet.databaseUrl),
    steps: made,
  };
  print(`renewals alone: ${figures.renewalAlonePerSecond} a second, p99 ${figures.renewalAloneP99Ms} ms; each ${renewal.coordinators} ms of CPU at the coordinators, ${renewal.postgres} at PostgreSQL, ${renewal.redis} at Redis, ${renewal.bench} here`);
  for (const [name, { cpuMs, kept: left }] of [['a checkpoint', checkpoint], ['a move', move]] as const) {
    print(`${name}: ${cpuMs.coordinators} ms of CPU at the coordinators, ${cpuMs.postgres} at PostgreSQL, ${cpuMs.redis} at Redis, ${cpuMs.bench} here; ${round(left.rows)} rows and ${Math.round(left.bytes)} bytes more, ${round(left.rowsForEver)} and ${Math.round(left.bytesForEver)} of them for ever`);
  }
  print(`a desktop's year of ${year.movesPerDay} moves and ${year.checkpointsPerDay} checkpoints a day: ${kept.rows} rows, ${kept.bytes} bytes, ${kept.rowsForEver} and ${kept.bytesForEver} of them for ever`);
  print(`memory of a replica: ${Math.round(figures.residentBytesPerReplica / 2 ** 20)} MiB`);
  if (values.json !== undefined) writeFileSync(values.json, `${JSON.stringify(figures, undefined, 2)}\n`);
  process.exitCode = whole.errors === 0 ? 0 : 1;
}
await dropSharedCluster();
