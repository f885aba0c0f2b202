/** A thread that makes packs of frames (pack-threads.ts). */
import { parentPort, type MessagePort } from 'node:worker_threads';
import { Fault, type FaultJson, type PackId } from '@godwit/base';
import { Secret, type PackKeys } from '@godwit/crypto';
import { compressSync, type Stored } from './compression.ts';
import { FrameSlots } from './frame-slots.ts';
import { checkPackSync, PackBuilder } from './pack.ts';
import type { FrameKind, PackContext } from './pack-format.ts';
import type { TableLocation } from './root.ts';

/** A pack that is to be filled: its memory, and of all keys only its own, which are zeroed when it is full. */
export interface BlankPack {
  readonly context: PackContext;
  readonly seal: Uint8Array;
  readonly commitment: Uint8Array;
  readonly memory: SharedArrayBuffer;
}

/** A frame in a slot, from a thread that captures. `number`: of the frame there. */
export interface SlotFrame {
  readonly number: number;
  readonly regionId: number;
  readonly kind: FrameKind;
  readonly slot: number;
  readonly plainBytes: number;
}

export type PackOrder =
  | { readonly blank: BlankPack }
  | { readonly frame: { readonly ticket: number; readonly kind: FrameKind; readonly plain: Uint8Array } }
  | { readonly frames: MessagePort; readonly slots: SharedArrayBuffer }
  /** Hand out the pack that is being filled, then say `flushed`. */
  | { readonly flush: true };

export type PackReport =
  | { readonly placed: TableLocation; readonly ticket: number }
  | { readonly placed: TableLocation; readonly number: number; readonly regionId: number }
  | { readonly full: PackId; readonly lengthBytes: number; readonly digest: Uint8Array }
  | { readonly flushed: true }
  | { readonly fault: FaultJson };

/** A frame that waits for its place; `done` is called with it once its plaintext is no longer needed. */
interface Waiting {
  readonly kind: FrameKind;
  readonly plain: Buffer;
  readonly done: (place: TableLocation) => void;
}

/** zlib's output is a view of the front of memory for the largest one. */
function releaseBehind({ buffer }: Buffer): void {
  if (buffer instanceof ArrayBuffer && buffer.byteLength > Buffer.poolSize) buffer.transfer(0);
}

interface Filling {
  readonly pack: PackBuilder;
  readonly keys: PackKeys;
}

class PackMaker {
  readonly #report: (report: PackReport) => void;
  readonly #blanks: BlankPack[] = [];
  readonly #waiting: (Waiting | 'flush')[] = [];
  /** The compressed form of the first that waits. */
  #stored: Stored | undefined;
  #filling: Filling | undefined;

  constructor(report: (report: PackReport) => void) {
    this.#report = report;
  }

  blank(blank: BlankPack): void {
    this.#blanks.push(blank);
    this.#work();
  }

  add(waiting: Waiting | 'flush'): void {
    this.#waiting.push(waiting);
    this.#work();
  }

  /** As far as there are packs to fill: each full one goes away to come back as a blank when it has been stored. */
  #work(): void {
    for (let next = this.#waiting[0]; next !== undefined; next = this.#waiting[0]) {
      if (next === 'flush') {
        this.#send();
        this.#report({ flushed: true });
      } else {
        this.#stored ??= compressSync(next.plain);
        if (this.#filling?.pack.hasRoom(this.#stored.bytes.length) === false) this.#send();
        this.#filling ??= this.#begin();
        if (this.#filling === undefined) return;
        const { pack } = this.#filling;
        const place = pack.append(next.kind, this.#stored);
        if (this.#stored.compressed) releaseBehind(this.#stored.bytes);
        this.#stored = undefined;
        next.done({ ...place, packId: pack.packId });
      }
      this.#waiting.shift();
    }
  }

  #begin(): Filling | undefined {
    const blank = this.#blanks.shift();
    if (blank === undefined) return undefined;
    const keys = { seal: new Secret(blank.seal), commitment: Buffer.from(blank.commitment) };
    return { pack: new PackBuilder(blank.context, keys, Buffer.from(blank.memory)), keys };
  }

  #send(): void {
    if (this.#filling === undefined) return;
    const { pack, keys } = this.#filling;
    this.#filling = undefined;
    try {
      const finished = pack.finish();
      checkPackSync(finished, keys);
      this.#report({ full: pack.packId, lengthBytes: finished.bytes.length, digest: finished.digest });
    } finally {
      keys.seal.zero();
    }
  }
}

const port = parentPort!;
const report = (message: PackReport): void => port.postMessage(message);
const maker = new PackMaker(report);
let broken = false;

/** After the first fault nothing more is taken: whoever started the thread ends it. */
function guarded(work: () => void): void {
  if (broken) return;
  try {
    work();
  } catch (error) {
    broken = true;
    report({ fault: Fault.from(error).toJSON() });
  }
}

function receiveFrames(frames: MessagePort, shared: SharedArrayBuffer): void {
  const slots = new FrameSlots(shared);
  frames.on('message', ({ number, regionId, kind, slot, plainBytes }: SlotFrame) => {
    const plain = slots.bytes(slot).subarray(0, plainBytes);
    const done = (placed: TableLocation): void => {
      slots.give(slot);
      report({ placed, number, regionId });
    };
    guarded(() => maker.add({ kind, plain, done }));
  });
}

port.on('message', (order: PackOrder) => {
  guarded(() => {
    if ('blank' in order) maker.blank(order.blank);
    else if ('frames' in order) receiveFrames(order.frames, order.slots);
    else if ('flush' in order) maker.add('flush');
    else {
      const { ticket, kind, plain } = order.frame;
      maker.add({ kind, plain: Buffer.from(plain.buffer, plain.byteOffset, plain.length), done: (placed) => report({ placed, ticket }) });
    }
  });
});
