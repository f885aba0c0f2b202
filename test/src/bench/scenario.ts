import type { HostCapabilities } from '@godwit/agent';
import { BenchHouse } from './bench-house.ts';
import { guestImage, installPeers, loadName } from './guests.ts';
import { measureLink, noLinkFigures } from './link-check.ts';
import { measureOurs, noOurFigures, type OurFigures } from './our-figures.ts';
import { measurePeers } from './peer-figures.ts';
import { measurePlain, noPlainFigures, type PlainFigures } from './plain-figures.ts';
import type { BenchRow } from './row.ts';
import { partsOf, rowsOf, type Part } from './rows.ts';
import type { Scenario } from './selection.ts';

/** A row that has no figures, and why. */
export interface LeftOut {
  readonly name: string;
  readonly peerName: string;
  readonly why: string;
}

export interface Measured {
  readonly rows: BenchRow[];
  readonly leftOut: LeftOut[];
  /** What went wrong, beside what could not be had on this machine. */
  readonly failed: string | undefined;
}

export interface Wish {
  readonly host: HostCapabilities;
  readonly only: string | undefined;
  readonly runs: number;
  readonly quick: boolean;
  readonly tell: (text: string) => void;
}

const workMs = 10_000;
const quickWorkMs = 4_000;
/** Of the five minutes: until then the peers, Godwit and the plain transfers may begin another round. */
const quickLimitsMs = { peers: 90_000, ours: 250_000, plain: 270_000 };

/** Measures what the scenario's rows need, in one run: first the peers, then Godwit, then the limit. */
export async function measureScenario(scenario: Scenario, { host, only, runs, quick, tell: tellAll }: Wish): Promise<Measured> {
  const place = { guestMiB: scenario.size, link: scenario.link.name, load: loadName(scenario.load) };
  const parts = partsOf(scenario, only);
  if (parts.size === 0) return { rows: [], leftOut: [], failed: undefined };
  const tell = (text: string): void => tellAll(`${place.guestMiB} MiB, ${place.link}, ${place.load}: ${text}`);
  const noBackups = parts.has('backups') ? await installPeers() : undefined;
  if (noBackups !== undefined) tell(`no rows against restic and borg: ${noBackups}`);
  const { shape } = scenario.link;
  const limit = (part: keyof typeof quickLimitsMs): number => (quick ? performance.now() + quickLimitsMs[part] - sinceStartMs() : Infinity);
  const startedMs = performance.now();
  const sinceStartMs = (): number => performance.now() - startedMs;
  const image = await guestImage(scenario.size, scenario.load);
  const common = { image, memoryMiB: scenario.size, runs, workMs: quick ? quickWorkMs : workMs, tell };
  const link = parts.has('link') && shape !== undefined ? await measureLink(shape, runs) : noLinkFigures();
  const peerParts = { streams: parts.has('streams'), backups: parts.has('backups') && noBackups === undefined, precopy: parts.has('precopy'), postcopy: parts.has('postcopy') };
  const peers = await measurePeers({ host, ...common, shape, parts: peerParts, endMs: limit('peers') });
  const { ours, plain } = await measureInHouse(parts, scenario, { ...common, oursEndMs: limit('ours'), plainEndMs: limit('plain') });
  const { rows, empty } = rowsOf(scenario, only, { ours, peers, plain, link }, place);
  const failed = ours.checkpointFailed;
  return { rows, leftOut: empty.map((one) => ({ ...one, why: (/^(restic|borg)/.test(one.peerName) ? noBackups : undefined) ?? failed ?? 'nothing was measured' })), failed };
}

interface HouseWish {
  readonly image: string;
  readonly memoryMiB: number;
  readonly runs: number;
  readonly workMs: number;
  readonly oursEndMs: number;
  readonly plainEndMs: number;
  readonly tell: (text: string) => void;
}

async function measureInHouse(parts: ReadonlySet<Part>, { link }: Scenario, { oursEndMs, plainEndMs, ...wish }: HouseWish): Promise<{ ours: OurFigures; plain: PlainFigures }> {
  const ourParts = { checkpoints: parts.has('checkpoints'), suspends: parts.has('suspends'), moves: parts.has('moves') };
  if (!Object.values(ourParts).includes(true)) return { ours: noOurFigures(), plain: noPlainFigures() };
  await using house = await BenchHouse.open(link.shape);
  const ours = await measureOurs(house, { ...wish, parts: ourParts, endMs: oursEndMs });
  const plain = parts.has('plain') ? await measurePlain(house, ours, wish.runs, plainEndMs, wish.tell) : noPlainFigures();
  return { ours, plain };
}
