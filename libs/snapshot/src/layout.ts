/** The names of all objects in the store, in one place. Pure. Every segment holds a letter: some stores read "007" as a number. */
import { Fault, isId, parseId, type CommitId, type DesktopId, type HostId, type PackId } from '@godwit/base';

export interface PackPlace {
  readonly desktopId: DesktopId;
  readonly epoch: number;
  readonly hostId: HostId;
  readonly packId: PackId;
}

export interface ManifestPlace {
  readonly desktopId: DesktopId;
  readonly epoch: number;
  readonly hostId: HostId;
  readonly sequence: number;
  readonly commitId: CommitId;
}

export type ObjectPlace = ({ readonly kind: 'pack' } & PackPlace) | ({ readonly kind: 'manifest' } & ManifestPlace);

/** S3 allows 1,024 bytes; ours are below 150. */
const keyBytesMax = 512;
const keyPattern = /^[a-z][a-z0-9-]{0,99}(?:\/[a-z][a-z0-9-]{0,99})*$/;
const placePattern = /^d-([0-9a-f]{32})\/e-([0-9a-f]{16})\/h-([0-9a-f]{32})\/(?:p-([0-9a-f]{32})|m-([0-9a-f]{16})-([0-9a-f]{32}))$/;

/** `d-<desktop>/`: the prefix of everything a desktop has. */
export function desktopPrefix(desktopId: DesktopId): string {
  return `d-${parseId<DesktopId>(desktopId)}/`;
}

/** `d-<desktop>/e-<epoch, 16 hex>/h-<host>/`: the prefix of all that one host may write in one epoch. */
export function epochPrefix(place: Pick<PackPlace, 'desktopId' | 'epoch' | 'hostId'>): string {
  return `${desktopPrefix(place.desktopId)}e-${hex16(place.epoch)}/h-${parseId<HostId>(place.hostId)}/`;
}

export function packObjectKey(place: PackPlace): string {
  return `${epochPrefix(place)}p-${parseId<PackId>(place.packId)}`;
}

export function manifestObjectKey(place: ManifestPlace): string {
  return `${epochPrefix(place)}m-${hex16(place.sequence)}-${parseId<CommitId>(place.commitId)}`;
}

/** The place that `key` names, or undefined when it is not the one spelling of a place. */
export function parseObjectKey(key: string): ObjectPlace | undefined {
  const [, desktop, epochHex, host, pack, sequenceHex, commit] = placePattern.exec(key) ?? [];
  const epoch = Number(`0x${epochHex ?? ''}`);
  if (desktop === undefined || host === undefined || !Number.isSafeInteger(epoch)) return undefined;
  const place = { desktopId: desktop as DesktopId, epoch, hostId: host as HostId };
  if (pack !== undefined) return { kind: 'pack', ...place, packId: pack as PackId };
  const sequence = Number(`0x${sequenceHex ?? ''}`);
  if (commit === undefined || !isId(commit) || !Number.isSafeInteger(sequence)) return undefined;
  return { kind: 'manifest', ...place, sequence, commitId: commit as CommitId };
}

/** Refuses a key that could mean anything but a name inside the store: VALUE_OUT_OF_RANGE. */
export function checkKey(key: string): string {
  if (key.length > keyBytesMax || !keyPattern.test(key)) {
    throw new Fault('VALUE_OUT_OF_RANGE', { expected: 'an object key of lower-case segments, each beginning with a letter', found: JSON.stringify(key.slice(0, 80)) });
  }
  return key;
}

function hex16(value: number): string {
  if (!Number.isSafeInteger(value) || value < 0) throw new Fault('VALUE_OUT_OF_RANGE', { expected: 'an integer from 0 to 2^53 - 1', found: String(value) });
  return value.toString(16).padStart(16, '0');
}
