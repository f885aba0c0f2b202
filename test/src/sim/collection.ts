import type { Coordinator } from './coordinator.ts';
import type { ObjectRow } from './database.ts';
import type { World } from './world.ts';

/** Shorter than the real ones, so that a run sees many rounds. */
export const graceMs = 60_000;
export const roundMs = 20_000;

/**
 * Collection in two phases, as apps/api/src/prune does it: what no checkpoint reaches and nobody may still commit is condemned; after
 * the grace time, looked at again, it is marked, deleted from the store, and its row goes.
 */
export function collect(world: World, coordinator: Coordinator): void {
  const { database } = coordinator;
  const reached = new Set<string>();
  for (const { checkpoint, dropped } of database.commits.values()) if (!dropped) for (const { key } of checkpoint.packs) reached.add(key);
  const wallMs = coordinator.computer.wallMs();
  for (const [key, row] of database.objects) {
    if (reached.has(key)) {
      if (!row.deleting) row.condemnedMs = null;
    } else if (mayGo(world, coordinator, row)) {
      if (row.condemnedMs === null) {
        if (row.committed || wallMs - row.storedMs >= graceMs) row.condemnedMs = wallMs;
      } else if (wallMs - row.condemnedMs >= graceMs) {
        row.deleting = true;
        deleteLater(world, coordinator, key);
      }
    }
  }
}

/** What was committed and is not reached any more, and what is of an epoch that is over. */
function mayGo(world: World, { database }: Coordinator, { committed, pack }: ObjectRow): boolean {
  if (committed || world.broken === 'collects-what-may-be-committed') return true;
  const row = database.desktops.get(pack.desktop);
  return row !== undefined && (pack.epoch < row.epoch || (pack.epoch === row.epoch && !row.held));
}

/** Between the mark and the deletion, and between the deletion and the end of the row, the coordinator may be killed: the next round goes on. */
function deleteLater(world: World, coordinator: Coordinator, key: string): void {
  coordinator.program?.after(world.dice.between(1, 50), () => {
    world.store.objects.delete(key);
    world.watch.deleted(key);
    coordinator.program?.after(world.dice.between(1, 50), () => coordinator.database.objects.delete(key));
  });
}

/** Drops what is older than the newest `keep` checkpoints. The head is never dropped. */
export function dropOld({ database }: Coordinator, desktop: string, keep: number): void {
  const row = database.desktops.get(desktop);
  const head = row?.head ?? null;
  if (head === null) return;
  for (const committed of database.commits.values()) {
    const { checkpoint } = committed;
    if (checkpoint.desktop === desktop && checkpoint.sequence <= head.sequence - keep) committed.dropped = true;
  }
}
