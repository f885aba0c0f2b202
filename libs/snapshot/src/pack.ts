import { Fault, type PackId } from '@godwit/base';
import { PackSealer, release, sha256, type PackKeys } from '@godwit/crypto';
import type { Stored } from './compression.ts';
import { keysOfPack, type DesktopKeys } from './keys.ts';
import { footerEntryBytes, packBytesMax, packCommitmentBytes, packContextBytes, packFramesMax, packHeaderBytes, packTrailerBytes, tagBytes } from './limits.ts';
import { decodeFooter, decodePackContext, decodeTrailer, encodeFooter, encodePackContext, encodeTrailer, footerPlace, frameAssociatedData, openStored, type FooterEntry, type FrameKind, type FramePlace, type PackContext } from './pack-format.ts';

export interface FinishedPack {
  readonly context: PackContext;
  readonly bytes: Buffer;
  /** SHA-256 of all bytes of the object. */
  readonly digest: Buffer;
  readonly frames: readonly FooterEntry[];
}

/** One pack while it is written: frames are appended in one forward pass, `finish` adds the footer. Any failure poisons it. */
export class PackBuilder {
  readonly context: PackContext;
  readonly #contextBytes: Buffer;
  readonly #sealer: PackSealer;
  readonly #bytes: Buffer;
  readonly #frames: FooterEntry[] = [];
  #lengthBytes: number;
  #state: 'open' | 'broken' | 'finished' = 'open';

  /** `keys`: of this very pack. `memory`: `packBytesMax` bytes, the pack's own until it is no longer used. */
  constructor(context: PackContext, { seal, commitment }: PackKeys, memory: Buffer = Buffer.allocUnsafe(packBytesMax)) {
    this.context = context;
    this.#contextBytes = encodePackContext(context);
    this.#sealer = new PackSealer(seal);
    this.#bytes = memory;
    this.#contextBytes.copy(this.#bytes, 0);
    commitment.copy(this.#bytes, packContextBytes);
    this.#lengthBytes = packHeaderBytes;
  }

  get packId(): PackId {
    return this.context.packId;
  }

  /** Whether a stored form of `storedBytes` still fits, with the footer that it makes longer. */
  hasRoom(storedBytes: number): boolean {
    const footerBytes = 4 + (this.#frames.length + 1) * footerEntryBytes + tagBytes + packTrailerBytes;
    return this.#frames.length < packFramesMax && this.#lengthBytes + storedBytes + tagBytes + footerBytes <= packBytesMax;
  }

  append(kind: FrameKind, { compressed, bytes, plainBytes }: Stored): FramePlace {
    const place = { frameIndex: this.#frames.length, offsetBytes: this.#lengthBytes, sealedBytes: bytes.length + tagBytes, plainBytes, compressed };
    this.#mustBeOpen();
    if (!this.hasRoom(bytes.length)) throw new Fault('INTERNAL', { expected: 'room for the frame in the pack' });
    this.#state = 'broken';
    this.#seal(place, kind, bytes);
    this.#frames.push({ ...place, kind });
    this.#state = 'open';
    return place;
  }

  /** At least one frame must be in it. */
  finish(): FinishedPack {
    this.#mustBeOpen();
    this.#state = 'broken';
    const place = footerPlace(this.#frames.length, this.#lengthBytes);
    this.#seal(place, 'footer', encodeFooter(this.#frames));
    this.#lengthBytes += encodeTrailer(place.sealedBytes).copy(this.#bytes, this.#lengthBytes);
    const bytes = this.#bytes.subarray(0, this.#lengthBytes);
    this.#state = 'finished';
    return { context: this.context, bytes, digest: sha256(bytes), frames: this.#frames };
  }

  #seal(place: FramePlace, kind: FrameKind, stored: Buffer): void {
    const associatedData = frameAssociatedData(this.#contextBytes, place.frameIndex, kind, place.compressed, place.plainBytes);
    this.#lengthBytes += this.#sealer.sealInto(place.frameIndex, associatedData, stored, this.#bytes, this.#lengthBytes);
  }

  #mustBeOpen(): void {
    if (this.#state !== 'open') throw new Fault('INTERNAL', { expected: 'a pack that is still being written', found: `one that is ${this.#state}` });
  }
}

/** A pack in memory of its own, under the key that `keys` gives for it. */
export function beginPack(context: PackContext, keys: DesktopKeys): PackBuilder {
  return new PackBuilder(context, keysOfPack(keys, context, encodePackContext(context)));
}

export interface OpenedPack {
  readonly context: PackContext;
  readonly contextBytes: Buffer;
  readonly keys: PackKeys;
  readonly frames: readonly FooterEntry[];
}

/** Takes a whole pack of `desktopId` apart and opens its footer; PACK_CORRUPT unless all of it is as it was written. Frames stay sealed. */
export function readPack(bytes: Buffer, keys: DesktopKeys, desktopId = keys.desktopId): OpenedPack {
  const { context, contextBytes } = contextOf(bytes);
  if (context.desktopId !== desktopId) throw new Fault('PACK_CORRUPT', { expected: `desktop ${desktopId}`, found: context.desktopId });
  return openPack(bytes, keysOfPack(keys, context, contextBytes));
}

function contextOf(bytes: Buffer): { readonly context: PackContext; readonly contextBytes: Buffer } {
  if (bytes.length < packHeaderBytes + packTrailerBytes || bytes.length > packBytesMax) {
    throw new Fault('PACK_CORRUPT', { expected: `${packHeaderBytes + packTrailerBytes} to ${packBytesMax} bytes`, found: `${bytes.length}` });
  }
  const contextBytes = bytes.subarray(0, packContextBytes);
  return { context: decodePackContext(contextBytes), contextBytes };
}

/** `readPack` with the keys of the very pack: one of another context has another commitment. */
export function openPack(bytes: Buffer, packKeys: PackKeys): OpenedPack {
  const { context, contextBytes } = contextOf(bytes);
  if (!packKeys.commitment.equals(bytes.subarray(packContextBytes, packContextBytes + packCommitmentBytes))) {
    throw new Fault('PACK_CORRUPT', { subject: context.packId, expected: 'the commitment to its key' });
  }
  const sealedFooterBytes = decodeTrailer(bytes.subarray(bytes.length - packTrailerBytes), bytes.length);
  const framesEnd = bytes.length - packTrailerBytes - sealedFooterBytes;
  const frameCount = (sealedFooterBytes - tagBytes - 4) / footerEntryBytes;
  const footer = openFooter(packKeys, contextBytes, footerPlace(frameCount, framesEnd), bytes.subarray(framesEnd, framesEnd + sealedFooterBytes));
  return { context, contextBytes, keys: packKeys, frames: decodeFooter(footer, framesEnd) };
}

function openFooter(keys: PackKeys, contextBytes: Buffer, place: FramePlace, sealed: Buffer): Buffer {
  try {
    return openStored(keys.seal, contextBytes, place, 'footer', sealed);
  } catch (error) {
    throw new Fault('PACK_CORRUPT', { expected: 'the footer as it was sealed', cause: error });
  }
}

/** A pause for the event loop each time this much was opened: 1 MiB takes about a millisecond. */
const breathBytes = 1024 * 1024;

/**
 * Re-reads a pack from the bytes that go to the store: the footer must be the one in memory and every frame must open.
 * PACK_CORRUPT or FRAME_CORRUPT: bad memory or a defect; the pack must not be uploaded.
 */
export async function checkPack(pack: FinishedPack, keys: DesktopKeys): Promise<void> {
  const steps = checkSteps(pack, readPack(pack.bytes, keys));
  while (steps.next().done !== true) await new Promise((resolve) => setImmediate(resolve));
}

/** `checkPack` with the keys of the very pack, for a thread that has no others and nothing else to do. */
export function checkPackSync(pack: FinishedPack, keys: PackKeys): void {
  const opened = openPack(pack.bytes, keys);
  if (!opened.contextBytes.equals(encodePackContext(pack.context))) throw new Fault('PACK_CORRUPT', { subject: pack.context.packId, expected: 'the context that its keys were made for' });
  const steps = checkSteps(pack, opened);
  while (steps.next().done !== true);
}

function* checkSteps(pack: FinishedPack, opened: OpenedPack): Generator<undefined> {
  const same = opened.frames.length === pack.frames.length && opened.frames.every((entry, index) => sameEntry(entry, pack.frames[index]));
  if (!same) throw new Fault('PACK_CORRUPT', { subject: pack.context.packId, expected: 'the footer that was written' });
  let sinceBreath = 0;
  for (const entry of opened.frames) {
    release(openStored(opened.keys.seal, opened.contextBytes, entry, entry.kind, pack.bytes.subarray(entry.offsetBytes, entry.offsetBytes + entry.sealedBytes)));
    sinceBreath += entry.sealedBytes;
    if (sinceBreath < breathBytes) continue;
    sinceBreath = 0;
    yield;
  }
}

function sameEntry(a: FooterEntry, b: FooterEntry | undefined): boolean {
  return a.offsetBytes === b?.offsetBytes && a.sealedBytes === b.sealedBytes && a.plainBytes === b.plainBytes && a.kind === b.kind && a.compressed === b.compressed;
}
