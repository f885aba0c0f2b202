import { recoveryTable, type MachineFound } from '@godwit/agent';
import { wakeAnswerMs } from '@godwit/wire';
import type { Agent } from './agent.ts';
import { settleCommit } from './commit.ts';
import type { Task } from './computer.ts';
import { leave } from './leave.ts';
import type { Local } from './local.ts';
import type { DesktopRecord } from './host.ts';

/** Often: whose epoch is over has to stand still from the moment it answers. */
const askMachineEveryMs = 250;
const leisureMs = 2_000;

/** What an agent that starts does with what it finds: the real table, carried out on the model. */
export function recover(agent: Agent): void {
  for (const record of [...agent.host.records.values()]) takeUp(agent, record);
}

function takeUp(agent: Agent, record: DesktopRecord): void {
  const { qemu } = record;
  const found: MachineFound = qemu?.alive !== true ? 'gone' : qemu.stopped ? 'silent' : 'answers';
  const { machine, next } = recoveryTable[record.stage][found];
  agent.world.tell(agent.host.name, () => `finds ${record.desktop}, ${record.stage}, machine ${found}: ${machine}, ${next}`);
  if (machine === 'end') qemu?.kill();
  // Its disk has nothing that counts: what was running from the saved state is given up with it.
  if (record.stage === 'saved') agent.host.disks.delete(record.desktop);
  const local = agent.add({ ...record, qemu: machine === 'end' ? null : qemu });
  if (next === 'give-up') {
    agent.forget(local, 'lost');
    return;
  }
  agent.holder.watch(local);
  if (machine === 'take-on') takeOn(local, agent);
  if (machine === 'wait') agent.run(awaitMachine(agent, local));
  if (next === 'ask-commit') agent.run(settleCommit(agent, local));
  if (next === 'leave') agent.run(leave(agent, local));
}

/** An agent that ended in the middle of a capture may have left the guest paused; a strict one has to be confirmed first. */
function takeOn(local: Local, agent: Agent): void {
  const { qemu } = local.record;
  if (qemu?.alive !== true) return;
  local.qemu = qemu;
  if (local.mayRun) local.goOn();
  else local.hold();
  agent.run(confirm(agent, local));
}

function* confirm(agent: Agent, local: Local): Task {
  yield* agent.holder.confirm(local, wakeAnswerMs);
}

/** Asks a QEMU that does not answer until it does or has ended. */
function* awaitMachine(agent: Agent, local: Local): Task {
  for (;;) {
    yield* agent.wait(agent.world.broken === 'silent-machine-is-asked-at-leisure' ? leisureMs : askMachineEveryMs);
    const { qemu } = local.record;
    if (qemu?.alive !== true || agent.locals.get(local.name) !== local) return;
    if (qemu.stopped) continue;
    takeOn(local, agent);
    return;
  }
}
