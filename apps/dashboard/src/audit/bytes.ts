/** Bytes as a browser has them. Nothing here is shared with libs/crypto: what checks the coordinator's word must not be the coordinator's code. */

/** In memory of its own, which is what WebCrypto asks for. */
export type Bytes = Uint8Array<ArrayBuffer>;

/** What was read is not what it has to be. The message is a sentence for the person at the screen. */
export class Refused extends Error {
  override readonly name = 'Refused';
}

/** Reads forward, and refuses to read past the end. Integers are big-endian. */
export class ByteCursor {
  readonly #bytes: Bytes;
  readonly #what: string;
  #offset = 0;

  /** `what` names the bytes in the refusal. */
  constructor(bytes: Bytes, what: string) {
    this.#bytes = bytes;
    this.#what = what;
  }

  get remainingBytes(): number {
    return this.#bytes.length - this.#offset;
  }

  take(lengthBytes: number): Bytes {
    if (lengthBytes > this.remainingBytes) throw new Refused(`${this.#what} ends too early`);
    this.#offset += lengthBytes;
    return this.#bytes.slice(this.#offset - lengthBytes, this.#offset);
  }

  u8(): number {
    return this.take(1)[0]!;
  }

  u16(): number {
    const [high, low] = this.take(2);
    return high! * 256 + low!;
  }

  /** A u64 that a number holds exactly. */
  u53(): number {
    const value = this.take(8).reduce((sum, byte) => sum * 256n + BigInt(byte), 0n);
    if (value > BigInt(Number.MAX_SAFE_INTEGER)) throw new Refused(`${this.#what} has a number above 2^53`);
    return Number(value);
  }

  ascii(lengthBytes: number): string {
    return String.fromCharCode(...this.take(lengthBytes));
  }
}

/** The bytes of base64url without padding. Throws {@link Refused}. */
export function bytesOfText(text: string): Bytes {
  if (!/^[A-Za-z0-9_-]*$/.test(text) || text.length % 4 === 1) throw new Refused('what should be base64url is not');
  return Uint8Array.from(atob(text.replaceAll('-', '+').replaceAll('_', '/')), (character) => character.charCodeAt(0));
}

export function textOfBytes(bytes: Uint8Array): string {
  return btoa(String.fromCharCode(...bytes)).replaceAll('+', '-').replaceAll('/', '_').replace(/=+$/, '');
}

export function hexOf(bytes: Uint8Array): string {
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, '0')).join('');
}

export function sameBytes(a: Uint8Array, b: Uint8Array): boolean {
  return a.length === b.length && a.every((byte, at) => byte === b[at]);
}

export function joined(...parts: readonly Uint8Array[]): Bytes {
  const whole = new Uint8Array(parts.reduce((sum, { length }) => sum + length, 0));
  let offset = 0;
  for (const part of parts) {
    whole.set(part, offset);
    offset += part.length;
  }
  return whole;
}

export async function sha256(...parts: readonly Uint8Array[]): Promise<Bytes> {
  return new Uint8Array(await crypto.subtle.digest('SHA-256', joined(...parts)));
}
