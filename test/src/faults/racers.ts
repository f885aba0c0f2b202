import { newId, systemRandom, type DesktopId } from '@godwit/base';
import { createDevice, extendChain, grantAccountKey, signAdd } from '@godwit/crypto';
import { textOf } from '@godwit/wire';
import { Insider } from '../account/insider.ts';
import type { Stage } from './stage.ts';

/** Hosts that have keys and a place in the device chain, and no agent: for races of many. */
export interface Racer {
  readonly insider: Insider;
}

interface Race {
  readonly desktopId: DesktopId;
  readonly racers: Racer[];
}

const races = new WeakMap<Stage, Race>();

/** A free desktop of the stage's account, and `count` hosts that may have it. Made once for each stage. */
export async function raceDesktop(stage: Stage, count: number): Promise<Race> {
  const race = races.get(stage) ?? (await begin(stage));
  races.set(stage, race);
  while (race.racers.length < count) race.racers.push({ insider: await enrol(stage, `racer-${race.racers.length}`) });
  return { desktopId: race.desktopId, racers: race.racers.slice(0, count) };
}

async function begin({ holder }: Stage): Promise<Race> {
  const desktopId = await holder.insider.createDesktop(`race-${newId<DesktopId>(systemRandom).slice(0, 8)}`);
  const { epoch } = await holder.insider.ask('readDesktop', { params: { desktopId } });
  await holder.insider.ask('releaseDesktop', { params: { desktopId }, body: { epoch } });
  return { desktopId, racers: [] };
}

/** A device of its own in the account's chain, added and granted its key by the stage's holder. */
async function enrol({ holder: { insider, host }, house }: Stage, name: string): Promise<Insider> {
  const device = createDevice(systemRandom);
  const before = await insider.chain();
  const { hostId } = device;
  const entry = signAdd(before, { device, name, signer: insider.device, createdMs: Date.now() });
  const after = extendChain(before, entry);
  const grants = [...insider.accountKeys].map(([generation, accountKey]) => ({ recipient: hostId, generation, bytes: textOf(grantAccountKey({ accountKey, generation, chain: after, chainAgeMs: 0, to: device, by: insider.device }, systemRandom)) }));
  await insider.ask('appendChain', { body: { expectedLength: before.length, entry: textOf(entry), grants } });
  return new Insider(host.home, house.url, device);
}
