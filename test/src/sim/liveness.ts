import type { Host } from './host.ts';
import type { Local } from './local.ts';
import type { World } from './world.ts';

const lookEveryMs = 5_000;
/** A host that is up and connected is not stuck for longer. */
const stuckMs = 60_000;

/** Nobody stays stuck: what an agent that is up and connected has under way comes to an end. */
export class Liveness {
  readonly #world: World;
  readonly #wellSince = new Map<Host, number>();
  readonly #same = new Map<Local, { readonly key: string; readonly sinceMs: number }>();

  constructor(world: World) {
    this.#world = world;
  }

  begin(): void {
    this.troubleAll();
    const look = (): void => {
      for (const host of this.#world.hosts) this.#lookAt(host);
      this.#world.agenda.add(this.#world.nowMs + lookEveryMs, look);
    };
    look();
  }

  trouble(host: Host): void {
    this.#wellSince.set(host, this.#world.nowMs);
  }

  troubleAll(): void {
    for (const host of this.#world.hosts) this.trouble(host);
  }

  /** After everything was mended and had its time: where every desktop has to be. */
  lookAtEnd(): void {
    const { database } = this.#world.coordinator;
    for (const host of this.#world.hosts) {
      if (database.revoked.has(host.id)) continue;
      for (const local of host.agent?.locals.values() ?? []) {
        if (local.record.stage !== 'settled') this.#world.watch.violate(`${local.name}: ends ${local.record.stage} on ${host.name}, which is up and connected`);
      }
    }
  }

  #lookAt(host: Host): void {
    const { nowMs, watch } = this.#world;
    if (!this.#isWell(host)) this.trouble(host);
    const wellSinceMs = this.#wellSince.get(host) ?? nowMs;
    for (const local of host.agent?.locals.values() ?? []) {
      const key = `${local.record.stage} ${local.operation ?? 'idle'} ${local.qemu === undefined ? 'no machine' : local.qemu.executing ? 'runs' : 'stands still'}`;
      const before = this.#same.get(local);
      if (before?.key !== key) {
        this.#same.set(local, { key, sinceMs: nowMs });
        continue;
      }
      if (nowMs - Math.max(before.sinceMs, wellSinceMs) <= stuckMs + lookEveryMs || isAtRest(local)) continue;
      watch.violate(`${local.name} is stuck on ${host.name}: ${key}, ${local.holding}`);
    }
  }

  /** In one of the ends: runs here, stopped or saved here for its user to say. */
  #isWell({ computer, agent, id }: Host): boolean {
    const { network, coordinator, store } = this.#world;
    const programs = [...computer.programs];
    return (
      computer.running && agent?.running === true && coordinator.alive && !coordinator.slow && store.mood === 'well' && programs.every(({ stopped }) => !stopped) &&
      network.isGood(computer, 'coordinator') && network.isGood(computer, 'store') && computer.wallErrorMs === 0 && coordinator.computer.wallErrorMs === 0 && !coordinator.database.revoked.has(id)
    );
  }
}

function isAtRest({ record: { stage }, operation, qemu }: Local): boolean {
  if (operation !== undefined) return false;
  return stage === 'settled' ? qemu === undefined || qemu.executing : stage === 'saved' && qemu === undefined;
}
