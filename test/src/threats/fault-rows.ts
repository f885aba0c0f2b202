import type { RealFault } from '../faults/fault.ts';
import { registry } from '../faults/registry.ts';
import { tableB } from '../faults/table-b.ts';
import type { NamedTest } from './rows.ts';

/** The table of faults, row by row: the faults of the campaign (`npm run test:faults`) that do it, the tests beside them, and what nothing does. */
export interface FaultTableRow {
  readonly row: string;
  readonly faults: readonly RealFault[];
  readonly tests: readonly NamedTest[];
  readonly notYet?: string;
}

interface Beside {
  readonly tests?: readonly NamedTest[];
  readonly notYet?: string;
}

const processes = 'test/src/e2e/faults-processes.test.ts';
const host = 'test/src/e2e/faults-host.test.ts';
const leases = 'apps/agent/src/lease/lease-holder.test.ts';
const prune = 'apps/api/src/prune/prune.flow.ts';
const second = 'test/src/services/second-bucket.test.ts';

const beside: Readonly<Record<keyof typeof tableB, Beside>> = {
  syscalls: { tests: [['test/src/faults/strace-acts.test.ts', '${act.name}: what is on the disk is what was before or what was written, and what the agent believes']] },
  killAgent: {
    tests: [[processes, 'the agent, in the middle of a suspend: the next one finds the guest running'], [processes, 'the agent, while a guest is filled: the machine that depended on it is given up, and the checkpoint is not']],
    notYet: 'there are no checkpoints of a desktop that goes on running',
  },
  killQemu: { tests: [[processes, 'QEMU, in the middle of a suspend: the desktop is switched off, and starts again from its disk'], [processes, 'QEMU, while it is filled: lost here, says so, and goes on from its checkpoint']] },
  killCoordinator: { tests: [[processes, 'the coordinator, while a guest is filled: the guest waits, and goes on when it is back']], notYet: 'there is no Redis' },
  stop: {},
  wake: {
    tests: [[leases, 'lets a kept guest run while it asks, a strict one not, and none that was put to sleep']],
    notYet: "the boot clock of a real agent jumps; that of the kernel, and so of the guard, needs a machine that really sleeps",
  },
  wallClock: { notYet: "the coordinator's own clock is right in these runs" },
  cutOff: {},
  reply: { tests: [[leases, 'an answer that comes after the term is worth nothing'], [leases, 'is renewed every 5 s, its guard knows each deadline, and that is counted from before the question']] },
  store: { tests: [['test/src/e2e/faults-store.test.ts', '${what}: verify lists it, an eager resume is refused and leaves nothing, a lazy one is lost and says why']] },
  races: {},
  revoke: { tests: [[leases, 'of a host that was revoked: it stands still, and is left']] },
  collection: { tests: [[prune, 'a writer that slept through the grace time is refused by name; one that comes before takes the pack back'], [prune, 'never takes what a writer may still commit; takes what a dead epoch left']] },
  unfit: {
    tests: [[host, 'resume without room for the disk is refused before anything is fetched, and the desktop stays free'], [host, 'an agent without the right to userfaultfd resumes eagerly, and says why'], ['apps/agent/src/machine/fitness.test.ts', 'every lack is named in one refusal']],
  },
  storeLost: {
    tests: [
      [second, 'desktops go on from a second bucket and a backup when the coordinator and its directory of objects are gone'],
      [second, 'goes on after kill -9 in mid-round at another coordinator, and is the store when the first is gone; what it has not is told'],
    ],
  },
};

export const faultRows: readonly FaultTableRow[] = (Object.entries(tableB) as [keyof typeof tableB, string][]).map(([key, row]) => ({
  row,
  faults: registry.filter((fault) => fault.row === row),
  tests: beside[key].tests ?? [],
  ...(beside[key].notYet === undefined ? {} : { notYet: beside[key].notYet }),
}));
