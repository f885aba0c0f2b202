import type { FrameLocation } from '@godwit/snapshot';
import { frameName, type LivePages } from './live-frames.ts';

/** What was fetched and not yet sent, because the guest did not ask for it. */
const heldBytesMax = 48 * 2 ** 20;

/** Frames of which only some pages were sent: the others wait here, so that what the guest asks for can be told from what came along. Bounded: the oldest has to go. */
export class HeldFrames {
  readonly #frames = new Map<string, LivePages>();
  #bytes = 0;

  get(location: FrameLocation): LivePages | undefined {
    return this.#frames.get(frameName(location));
  }

  /** Keeps it, and gives back those that have to be sent now to make room. */
  put(live: LivePages): LivePages[] {
    const name = frameName(live.location);
    if (this.#frames.has(name)) return [];
    this.#frames.set(name, live);
    this.#bytes += live.bytes.length;
    const out: LivePages[] = [];
    for (const oldest of this.#frames.values()) {
      if (this.#bytes <= heldBytesMax) break;
      this.remove(oldest);
      out.push(oldest);
    }
    return out;
  }

  remove(live: LivePages): void {
    if (this.#frames.delete(frameName(live.location))) this.#bytes -= live.bytes.length;
  }

  /** Undefined when there is none. */
  get oldest(): LivePages | undefined {
    const [oldest] = this.#frames.values();
    return oldest;
  }
}
