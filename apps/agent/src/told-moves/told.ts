import { pageBytesOf } from '@godwit/snapshot';
import type { ControlProgress, Desktop } from '@godwit/wire';
import { arrive, type Arrived } from '../arrive/arrive.ts';
import { depart, type Departed, type DepartOptions } from '../depart/depart.ts';
import type { Host } from '../desktop/host.ts';
import type { LocalDesktop } from '../desktop/local-desktop.ts';
import { backgroundCheckpoint, type CheckpointMade, type CheckpointOptions } from '../protect/background-checkpoint.ts';
import type { MoveFigures } from './move-story.ts';
import { MoveTeller, tellingOf, type TellerParts } from './move-teller.ts';

/** The ways of a desktop into the store and out of it, with the coordinator told of how they go. */

const partsOf = ({ account: { coordinator }, clock, random, log }: Host): TellerParts => ({ coordinator, clock, random, log });

/** As `depart`. */
export function toldDeparture(host: Host, desktop: LocalDesktop, report: (progress: ControlProgress) => void, options: DepartOptions): Promise<Departed> {
  const { desktopId, epoch } = desktop.record;
  return tellingOf(partsOf(host), { kind: 'suspend', desktopId, epoch }, report, (told) => depart(host, desktop, told, options), ({ sequence, figures }) => figuresOf({ sequence, ...figures }));
}

/** As `backgroundCheckpoint`. */
export function toldCheckpoint(host: Host, desktop: LocalDesktop, options: CheckpointOptions): Promise<CheckpointMade> {
  const { desktopId, epoch } = desktop.record;
  return tellingOf(partsOf(host), { kind: 'checkpoint', desktopId, epoch }, options.report, (report) => backgroundCheckpoint(host, desktop, { ...options, report }), figuresOf);
}

/** As `arrive`. The move ends with `complete`: when nothing is missing any more. */
export async function toldArrival(host: Host, remote: Desktop, options: { readonly eager: boolean; readonly signal: AbortSignal | undefined }, report: (progress: ControlProgress) => void): Promise<Arrived> {
  const teller = new MoveTeller(partsOf(host), { kind: 'resume', desktopId: remote.desktopId });
  const told = (progress: ControlProgress): void => {
    report(progress);
    teller.progress(progress);
  };
  try {
    const arrived = await arrive(host, remote, { ...options, onEpoch: (epoch) => teller.began(epoch) }, told);
    const { desktop, sequence, complete } = arrived;
    teller.note({ sequence, runningMs: desktop.arrival?.runningMs ?? null });
    complete.then(() => teller.done(desktop.arrival === undefined ? {} : { bytesMoved: desktop.arrival.bytesFetched }), (error: unknown) => teller.failed(error));
    return arrived;
  } catch (error) {
    teller.failed(error);
    throw error;
  }
}

interface Made {
  readonly sequence: number;
  readonly pauseMs: number;
  readonly durableMs: number;
  readonly bytesUploaded: number;
  readonly pagesChanged: number;
  readonly diskPagesWritten: number;
}

function figuresOf({ sequence, pauseMs, durableMs, bytesUploaded, pagesChanged, diskPagesWritten }: Made): MoveFigures {
  return { sequence, pauseMs, durableMs, bytesMoved: bytesUploaded, bytesChanged: pagesChanged * pageBytesOf('ram') + diskPagesWritten * pageBytesOf('disk') };
}
