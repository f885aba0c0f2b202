import { Secret, sign, type DeviceSecrets } from '@godwit/crypto';
import { decodeManifestPublic, format, keysAs, splitManifest, type DesktopKeys } from '@godwit/snapshot';
import type { Changes } from './judge.ts';
import type { Repository } from './repository.ts';

/** One thing that a hostile store, or whoever can write to it, does. */
export interface Mutation {
  /** The kind of object, or of the part of one, that it is done to. */
  readonly kind: string;
  readonly what: string;
  readonly changes: Changes;
}

/** A part of an object: where it lies and what it is. */
export interface Part {
  readonly key: string;
  readonly kind: string;
  readonly from: number;
  readonly to: number;
}

const truncateBytes = 4096;

/** Every byte of every object belongs to one part. */
export function partsOf({ store, lines }: Repository): Part[] {
  const keys = lines.flatMap((line) => line.map((checkpoint) => checkpoint.keys));
  return [...store.objects].flatMap(([key, body]) => (isManifest(key) ? manifestParts(key, body) : packParts(key, body, keys)));
}

export function isManifest(key: string): boolean {
  return key.includes('/m-');
}

function manifestParts(key: string, body: Buffer): Part[] {
  const { publicBytes, signed } = splitManifest(body);
  return [
    { key, kind: 'manifest public', from: 0, to: publicBytes.length },
    { key, kind: 'manifest private', from: publicBytes.length, to: signed.length },
    { key, kind: 'manifest signature', from: signed.length, to: body.length },
  ];
}

function packParts(key: string, body: Buffer, keys: readonly DesktopKeys[]): Part[] {
  const owner = keys.find(({ desktopId }) => key.startsWith(`d-${desktopId}/`))!;
  const { frames } = format.readPack(body, keysAs(owner, owner.desktopId));
  const end = frames.at(-1)!.offsetBytes + frames.at(-1)!.sealedBytes;
  return [
    { key, kind: 'pack header', from: 0, to: 100 },
    ...frames.map(({ kind, offsetBytes, sealedBytes }): Part => ({ key, kind: kind === 'leaf' || kind === 'root' ? kind : `${kind} frame`, from: offsetBytes, to: offsetBytes + sealedBytes })),
    { key, kind: 'pack footer', from: end, to: body.length - 8 },
    { key, kind: 'pack trailer', from: body.length - 8, to: body.length },
  ];
}

/** Each byte once, another bit each time. `every`: only each so-manieth byte, for a short run. */
export function* flips({ store }: Repository, parts: readonly Part[], every: number): Generator<Mutation> {
  let number = 0;
  for (const { key, kind, from, to } of parts) {
    for (let at = from; at < to; at += 1) {
      number += 1;
      if (number % every !== 0) continue;
      yield { kind, what: `byte ${at} of ${key}`, changes: new Map([[key, withBit(store.objects.get(key)!, at, number % 8)]]) };
    }
  }
}

export function withBit(body: Buffer, at: number, bit: number): Buffer {
  const copy = Buffer.from(body);
  copy[at] = copy[at]! ^ (1 << bit);
  return copy;
}

/** Lengths, removals, suites and signatures of each object by itself. */
export function* singles({ store, devices }: Repository): Generator<Mutation> {
  for (const [key, body] of store.objects) {
    const kind = isManifest(key) ? 'manifest' : 'pack';
    const whole = (what: string, other: Buffer | undefined): Mutation => ({ kind, what: `${what}: ${key}`, changes: new Map([[key, other]]) });
    for (let length = 0; length < body.length; length += truncateBytes) yield whole(`cut to ${length}`, body.subarray(0, length));
    for (const length of [1, 8, 100, body.length >> 1, body.length - 64, body.length - 8, body.length - 1]) yield whole(`cut to ${length}`, body.subarray(0, length));
    for (const tail of [Buffer.of(0), body.subarray(-1), body.subarray(-8), body.subarray(-64), body.subarray(-Math.min(truncateBytes, body.length)), body]) yield whole(`longer by ${tail.length}`, Buffer.concat([body, tail]));
    yield whole('zeros', Buffer.alloc(body.length));
    yield whole('missing', undefined);
    for (const [what, at, value] of [['version', 4, 0], ['version', 4, 2], ['suite', 6, 0], ['suite', 6, 2], ['suite', 6, 0xffff]] as const) yield whole(`${what} ${value}`, withU16(body, at, value));
    if (!isManifest(key)) continue;
    yield { ...whole('signature of zeros', Buffer.concat([body.subarray(0, -64), Buffer.alloc(64)])), kind: 'manifest signature' };
    for (const suite of [0, 2]) {
      for (const device of devices) yield { ...whole(`suite ${suite}, well signed`, resigned(withU16(body, 6, suite), device)), kind: 'manifest signature' };
    }
    for (const device of devices.filter(({ hostId }) => hostId !== decodeManifestPublic(body).hostId)) yield { ...whole('signed by another device', resigned(body, device)), kind: 'manifest signature' };
    for (const type of ['request', 'grant'] as const) yield { ...whole(`signed as a ${type}`, resigned(body, devices.find(({ hostId }) => hostId === decodeManifestPublic(body).hostId)!, type)), kind: 'manifest signature' };
  }
}

function withU16(body: Buffer, at: number, value: number): Buffer {
  const copy = Buffer.from(body);
  copy.writeUInt16BE(value, at);
  return copy;
}

function resigned(manifest: Buffer, { signSecret }: Pick<DeviceSecrets, 'signSecret'>, type: 'manifest' | 'request' | 'grant' = 'manifest'): Buffer {
  const signed = manifest.subarray(0, -64);
  return Buffer.concat([signed, sign(type, signed, new Secret(Buffer.from(signSecret.bytes)))]);
}

/** Objects in each other's places: among them an older manifest under the name of the newest, and the pack of n with that of n - 1. */
export function* swaps({ store }: Repository): Generator<Mutation> {
  const keys = [...store.objects.keys()];
  for (const one of keys) {
    for (const other of keys.filter((key) => key !== one)) {
      const body = store.objects.get(other)!;
      const kind = isManifest(one) ? 'manifest' : 'pack';
      yield { kind, what: `${other} in the place of ${one}`, changes: new Map([[one, body]]) };
      if (one < other && isManifest(one) === isManifest(other)) yield { kind, what: `${one} and ${other} exchanged`, changes: new Map([[one, body], [other, store.objects.get(one)!]]) };
    }
  }
}

/** Sealed parts of packs in each other's places: other index, epoch, host, desktop, kind of region; RAM of n with the disk of n - 1. */
export function* frameSwaps({ store }: Repository, parts: readonly Part[], every: number): Generator<Mutation> {
  const sealed = parts.filter(({ kind }) => kind.endsWith('frame') || kind === 'leaf' || kind === 'root' || kind === 'pack footer');
  let number = 0;
  for (const one of sealed) {
    for (const other of sealed) {
      number += 1;
      if (one === other || number % every !== 0) continue;
      const bytes = Buffer.alloc(one.to - one.from);
      store.objects.get(other.key)!.copy(bytes, 0, other.from, Math.min(other.to, other.from + bytes.length));
      const body = Buffer.from(store.objects.get(one.key)!);
      bytes.copy(body, one.from);
      yield { kind: one.kind, what: `${other.kind} at ${other.from} of ${other.key} in the place of that at ${one.from} of ${one.key}`, changes: new Map([[one.key, body]]) };
    }
  }
}

/** Nothing is there any more. */
export function* gone({ store }: Repository): Generator<Mutation> {
  const all = (keys: readonly string[]): Changes => new Map(keys.map((key) => [key, undefined]));
  const keys = [...store.objects.keys()];
  yield { kind: 'store', what: 'everything is missing', changes: all(keys) };
  yield { kind: 'store', what: 'all packs are missing', changes: all(keys.filter((key) => !isManifest(key))) };
  yield { kind: 'store', what: 'all manifests are missing', changes: all(keys.filter(isManifest)) };
}
