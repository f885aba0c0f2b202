import { leaseTermMs } from '@godwit/wire';

import type { Program } from './computer.ts';
import type { Dice } from './dice.ts';
import type { Host } from './host.ts';
import type { Link, Peer, Way } from './network.ts';
import { takeOver } from './take-over.ts';
import type { World } from './world.ts';

type Fault = (world: World, host: Host) => void;

/** When everything was mended, nothing is left to end, and nothing begins. */
const later = (world: World, delayMs: number, act: () => void): void => void world.agenda.add(world.nowMs + delayMs, () => {
  if (!world.mended) act();
});

/** Everything that goes wrong, with how often. Each ends by itself. */
const faults: readonly (readonly [weight: number, Fault])[] = [
  [6, partition],
  [3, heldUpThenCut],
  [3, moodOfStore],
  [3, endCoordinator],
  [1, slowDatabase],
  [4, closeLid],
  [2, losePower],
  [3, killProgram],
  [4, stopPrograms],
  [2, jumpWallClock],
];

export type Plagues = typeof faults;

/** What this world suffers from most: worlds that differ find more than many of one kind. */
export function plaguesOf(dice: Dice): Plagues {
  return faults.map(([weight, fault]) => [weight * dice.pick([0, 0, 1, 1, 3]), fault] as const);
}

export function somethingFails(world: World, plagues: Plagues): void {
  let place = world.dice.throw() * plagues.reduce((sum, [weight]) => sum + weight, 0);
  const fault = plagues.find(([weight]) => (place -= weight) < 0)?.[1] ?? partition;
  // Mostly where something can be lost.
  const holding = world.hosts.filter(({ records }) => records.size > 0);
  const host = world.dice.pick(holding.length > 0 && world.dice.chance(0.6) ? holding : world.hosts)!;
  world.liveness.trouble(host);
  fault(world, host);
  if (world.dice.chance(0.4)) later(world, world.dice.spread(500, 60_000), () => turnToAnother(world, host));
}

/** Whoever cannot get at a desktop goes to another machine and takes it over there. */
function turnToAnother({ dice, hosts }: World, host: Host): void {
  const { agent } = dice.pick(hosts.filter((other) => other !== host))!;
  const name = dice.pick([...host.records.keys()]);
  if (name !== undefined && agent?.running === true) agent.run(takeOver(agent, name, dice.chance(0.5)));
}

/** One host and one or both peers, one or both ways. */
function partition(world: World, host: Host): void {
  const { dice, network } = world;
  const lastsMs = dice.spread(1_000, 400_000);
  for (const peer of dice.pick<readonly Peer[]>([['coordinator'], ['store'], ['coordinator', 'store']])) {
    const link = network.link(host.computer, peer);
    const ways = dice.pick<readonly (keyof Link)[]>([['there'], ['back'], ['there', 'back'], ['there', 'back']]);
    for (const direction of ways) link[direction] = dice.pick<Way>(['poor', 'slow', 'cut', 'cut']);
    world.tell(host.name, () => `to ${peer} ${link.there}, back ${link.back}, for ${Math.round(lastsMs)} ms`);
    // Some get worse before they are over.
    if (dice.chance(0.4)) later(world, lastsMs / 2, () => {
      link.there = 'cut';
      world.tell(host.name, () => `to ${peer} cut`);
    });
    later(world, lastsMs, () => {
      world.liveness.trouble(host);
      Object.assign(link, { there: 'good', back: 'good' });
    });
  }
}

/** Answers are held up, while requests arrive; then nothing arrives any more, and answers still do. */
function heldUpThenCut(world: World, host: Host): void {
  const { dice, network } = world;
  const link = network.link(host.computer, 'coordinator');
  link.back = 'slow';
  world.tell(host.name, () => 'answers of the coordinator are held up');
  const heldUpMs = dice.spread(20_000, 100_000);
  later(world, heldUpMs, () => {
    world.tell(host.name, () => 'to coordinator cut, answers still come');
    Object.assign(link, { there: 'cut', back: 'good' });
    later(world, dice.between(1_000, 40_000), () => turnToAnother(world, host));
  });
  later(world, heldUpMs + dice.spread(60_000, 200_000), () => {
    world.liveness.trouble(host);
    Object.assign(link, { there: 'good', back: 'good' });
  });
}

function moodOfStore(world: World): void {
  world.store.mood = world.dice.pick(['errors', 'slow', 'late', 'silent']);
  world.tell('store', () => world.store.mood);
  world.liveness.troubleAll();
  later(world, world.dice.spread(1_000, 120_000), () => {
    world.liveness.troubleAll();
    world.store.mood = 'well';
  });
}

/** Now, or right after its next transaction. */
function endCoordinator(world: World): void {
  const { coordinator, dice } = world;
  world.liveness.troubleAll();
  if (dice.chance(0.5)) coordinator.endsAfterNext = true;
  else coordinator.kill();
  later(world, dice.spread(300, 100_000), () => {
    world.liveness.troubleAll();
    coordinator.endsAfterNext = false;
    if (coordinator.alive) return;
    world.tell('coordinator', () => 'starts');
    coordinator.start();
  });
}

function slowDatabase(world: World): void {
  world.coordinator.slow = true;
  world.liveness.troubleAll();
  world.tell('coordinator', () => 'its database is slow');
  later(world, world.dice.spread(1_000, 60_000), () => {
    world.liveness.troubleAll();
    world.coordinator.slow = false;
  });
}

/** With a word before, as logind gives it, or without. */
function closeLid(world: World, host: Host): void {
  const { dice } = world;
  const { computer, agent } = host;
  const sleepsMs = dice.spread(1_000, 2_700_000);
  const link = world.network.link(computer, 'coordinator');
  if (dice.chance(0.4)) {
    // In the hotel.
    link.back = 'slow';
    later(world, dice.spread(10_000, 100_000), () => {
      world.liveness.trouble(host);
      link.back = 'good';
    });
  }
  const sleep = (): void => {
    world.tell(host.name, () => `sleeps for ${Math.round(sleepsMs)} ms`);
    computer.sleep();
    later(world, sleepsMs, () => {
      world.liveness.trouble(host);
      world.tell(host.name, () => 'wakes up');
      computer.wake();
    });
  };
  if (agent?.running === true && dice.chance(0.6)) {
    agent.run(agent.holder.sleep());
    // Some change their minds.
    if (dice.chance(0.9)) later(world, dice.between(60, 5_000), sleep);
  } else sleep();
}

function losePower(world: World, host: Host): void {
  if (!host.computer.powered) return;
  host.powerOff();
  later(world, world.dice.spread(5_000, 600_000), () => {
    world.liveness.trouble(host);
    host.powerOn();
  });
}

function programsOf(host: Host): Program[] {
  return [...host.computer.programs];
}

function killProgram(world: World, host: Host): void {
  const program = world.dice.pick(programsOf(host));
  if (program === undefined) return;
  world.tell(host.name, () => `${program.name} is killed`);
  program.kill();
  if (program === host.agent) later(world, world.dice.spread(200, 60_000), () => {
    world.liveness.trouble(host);
    host.startAgent();
  });
}

/** Agent, guard and QEMU together, or some of them. */
function stopPrograms(world: World, host: Host): void {
  const { dice } = world;
  const all = programsOf(host);
  const some = dice.chance(0.4) ? all : all.filter(() => dice.chance(0.5));
  const lastsMs = dice.spread(leaseTermMs / 2, 20 * leaseTermMs);
  world.tell(host.name, () => `stopped for ${Math.round(lastsMs)} ms: ${some.map(({ name }) => name).join(', ')}`);
  for (const program of some) program.stop();
  later(world, lastsMs, () => {
    world.liveness.trouble(host);
    world.tell(host.name, () => `continued: ${some.map(({ name }) => name).join(', ')}`);
    for (const program of some) program.continue();
  });
}

/** By an hour or by years, the host's or the database's; set right some time later. */
function jumpWallClock(world: World, host: Host): void {
  const computer = world.dice.chance(0.5) ? host.computer : world.coordinator.computer;
  const yearMs = 31_557_600_000;
  world.liveness.troubleAll();
  computer.wallErrorMs = world.dice.pick([-1, 1]) * world.dice.spread(1_000, 10 * yearMs);
  world.tell(computer.name, () => `its wall clock jumps by ${Math.round(computer.wallErrorMs / 1000)} s`);
  later(world, world.dice.spread(5_000, 200_000), () => {
    world.liveness.troubleAll();
    computer.wallErrorMs = 0;
  });
}

/** Everything is mended at once. */
export function mend(world: World): void {
  const { coordinator, store, network, hosts } = world;
  world.tell('everybody', () => 'nothing fails any more');
  world.liveness.troubleAll();
  world.mended = true;
  coordinator.slow = false;
  coordinator.endsAfterNext = false;
  coordinator.computer.wallErrorMs = 0;
  store.mood = 'well';
  if (!coordinator.alive) coordinator.start();
  for (const host of hosts) {
    for (const peer of ['coordinator', 'store'] as const) Object.assign(network.link(host.computer, peer), { there: 'good', back: 'good' });
    host.computer.wallErrorMs = 0;
    host.powerOn();
    host.computer.wake();
    for (const program of programsOf(host)) program.continue();
    host.startAgent();
  }
}
