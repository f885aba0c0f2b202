import { Agent } from 'node:http';
import { s3SettingsOf } from '@godwit/api';
import { raiseStage, type Front } from '@godwit/api/testing';
import { routes } from '@godwit/wire';
import { WebSocket } from 'ws';
import { Fleet, fleetOrigin, type Replica } from '../services/fleet.ts';
import { enrolHosts, type BenchHost, type Place } from './bench-host.ts';
import { MovingDesktop } from './moving-desktop.ts';
import { cpuMsBelow, cpuMsOf, residentBytesOf } from './process-times.ts';

export const replicaNames = ['left', 'right'] as const;
/** Connections of all hosts together to one replica, as a balancer holds them. */
const socketsMax = 256;
const hostsPerAccount = 5;
const accountsAtOnce = 8;

/** CPU time so far, in ms. */
export interface FleetCpu {
  readonly coordinators: number;
  readonly postgres: number;
  readonly redis: number;
  /** This process: all hosts. */
  readonly bench: number;
}

/** Two replicas and their services, hosts that hold a strict desktop each, desktops that move, and the event stream of each host. */
export class FleetStage implements AsyncDisposable {
  readonly fleet: Fleet;
  readonly hosts: readonly BenchHost[];
  readonly moving: readonly MovingDesktop[];
  readonly #replicas: readonly Replica[];
  readonly #place: Place;
  readonly #streams: readonly WebSocket[];

  private constructor(parts: { fleet: Fleet; hosts: readonly BenchHost[]; moving: readonly MovingDesktop[]; replicas: readonly Replica[]; place: Place; streams: readonly WebSocket[] }) {
    [this.fleet, this.hosts, this.moving, this.#replicas, this.#place, this.#streams] = [parts.fleet, parts.hosts, parts.moving, parts.replicas, parts.place, parts.streams];
  }

  static async raise(hostCount: number, movingCount: number): Promise<FleetStage> {
    await using undo = new AsyncDisposableStack();
    const fleet = undo.use(await Fleet.prepare());
    const enrolled: BenchHost[] = [];
    const moving: MovingDesktop[] = [];
    // One address may make 30 accounts in a row: these are made at a coordinator that lets everybody.
    const gate = await raiseStage({ databaseUrl: fleet.databaseUrl, redisUrl: fleet.redis.url, s3: s3SettingsOf(fleet.environment)!, publicOrigin: fleetOrigin });
    const replicas: Replica[] = [];
    for (const name of replicaNames) replicas.push(await fleet.start(name, ['--log', 'error']));
    const place = { audience: gate.coordinator.audience, ways: replicas.map(({ url }) => ({ url, agent: new Agent({ keepAlive: true, maxSockets: socketsMax }) })) };
    undo.defer(() => { for (const { agent } of place.ways) agent.destroy(); });
    await inTurns(Math.ceil(hostCount / hostsPerAccount), async () => void enrolled.push(...(await enrolHosts(gate.coordinator, hostsPerAccount))));
    await inTurns(movingCount, async () => void moving.push(await MovingDesktop.enrol(gate.coordinator, place)));
    for (const host of enrolled) host.close();
    await gate[Symbol.asyncDispose]();
    const hosts = enrolled.slice(0, hostCount).map((host) => host.at(place));
    const fronts = replicas.map((replica): Front => ({ ...replica, logKey: gate.coordinator.logKey }));
    const there = moving.map((desktop, index) => desktop.at(fronts[index % fronts.length]!));
    const all = [...hosts, ...there.flatMap(({ ends }) => ends.map(({ host }) => host))];
    const streams: WebSocket[] = [];
    await inTurns(all.length, async (index) => void streams.push(await openStream(all[index]!, replicas[index % replicas.length]!.url)));
    undo.move();
    return new FleetStage({ fleet, hosts, moving: there, replicas, place, streams });
  }

  get streams(): number {
    return this.#streams.length;
  }

  cpuMs(): FleetCpu {
    return {
      coordinators: this.#replicas.reduce((sum, { pid }) => sum + cpuMsOf(pid), 0),
      postgres: cpuMsBelow(process.pid, 'postgres'),
      redis: cpuMsBelow(process.pid, 'redis-server'),
      bench: cpuMsOf(process.pid),
    };
  }

  /** The larger replica's. */
  residentBytes(): number {
    return Math.max(...this.#replicas.map(({ pid }) => residentBytesOf(pid)));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const stream of this.#streams) stream.terminate();
    for (const { agent } of this.#place.ways) agent.destroy();
    await this.fleet[Symbol.asyncDispose]();
  }
}

/** Resolves with its first message. What is told later is read and dropped. */
async function openStream(host: BenchHost, url: string): Promise<WebSocket> {
  const { method, path } = routes.events;
  const socket = new WebSocket(new URL(path, url.replace('http', 'ws')), { headers: host.headers(method, path), perMessageDeflate: false });
  await new Promise((resolve, reject) => {
    socket.once('message', resolve);
    socket.once('error', reject);
  });
  socket.on('error', () => undefined); // The requests say what is wrong.
  return socket;
}

async function inTurns(count: number, work: (index: number) => Promise<void>): Promise<void> {
  let next = 0;
  const worker = async (): Promise<void> => {
    while (next < count) await work((next += 1) - 1);
  };
  await Promise.all(Array.from({ length: accountsAtOnce }, worker));
}
