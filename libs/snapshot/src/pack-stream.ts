import { newId, type PackId, type Random } from '@godwit/base';
import { compress } from './compression.ts';
import type { FramePacker } from './frame-packer.ts';
import { InFlight } from './in-flight.ts';
import type { DesktopKeys } from './keys.ts';
import { packObjectKey } from './layout.ts';
import { packsInFlightMax } from './limits.ts';
import type { ManifestPack } from './manifest.ts';
import { beginPack, checkPack, type PackBuilder } from './pack.ts';
import type { FrameKind, PackOrigin } from './pack-format.ts';
import type { TableLocation } from './root.ts';
import type { ObjectStore } from './store/object-store.ts';

export interface PackStreamOptions {
  readonly store: ObjectStore;
  readonly keys: DesktopKeys;
  readonly origin: PackOrigin;
  readonly random: Random;
  /** Called when a pack has arrived in the store. */
  readonly onStored?: (lengthBytes: number) => void;
}

/** Packs made on this thread, for little data: one is filled while up to four are checked and uploaded. */
export class PackStream implements FramePacker {
  readonly #options: PackStreamOptions;
  readonly #uploads = new InFlight(packsInFlightMax);
  readonly #stored = new Map<PackId, ManifestPack>();
  #filling: PackBuilder | undefined;
  /** Appends take turns: one of them may have to wait until a full pack has found room among the uploads. */
  #turn: Promise<unknown> = Promise.resolve();

  constructor(options: PackStreamOptions) {
    this.#options = options;
  }

  async append(kind: FrameKind, plain: Buffer): Promise<TableLocation> {
    const stored = await compress(plain);
    return await this.#inTurn(async () => {
      if (this.#filling?.hasRoom(stored.bytes.length) === false) await this.#send();
      this.#filling ??= this.#newPack();
      return { ...this.#filling.append(kind, stored), packId: this.#filling.packId };
    });
  }

  async finish(): Promise<ReadonlyMap<PackId, ManifestPack>> {
    await this.#inTurn(async () => await this.#send());
    await this.#uploads.settled();
    return this.#stored;
  }

  async abort(reason: unknown): Promise<void> {
    this.#uploads.fail(reason);
    await this.#uploads.settled().catch(() => undefined); // It fails with the reason given.
  }

  async #inTurn<Result>(action: () => Promise<Result>): Promise<Result> {
    const result = this.#turn.then(action);
    this.#turn = result.catch(() => undefined); // Told to its own caller; the next one has its turn.
    return await result;
  }

  async #send(): Promise<void> {
    const pack = this.#filling?.finish();
    this.#filling = undefined;
    if (pack === undefined) return;
    const { store, keys, onStored } = this.#options;
    await this.#uploads.start(async () => {
      await checkPack(pack, keys);
      await store.put(packObjectKey(pack.context), pack.bytes, pack.digest);
      this.#stored.set(pack.context.packId, { ...pack.context, lengthBytes: pack.bytes.length, digest: pack.digest });
      onStored?.(pack.bytes.length);
    });
  }

  #newPack(): PackBuilder {
    return beginPack({ ...this.#options.origin, packId: newId<PackId>(this.#options.random) }, this.#options.keys);
  }
}
