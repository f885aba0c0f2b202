/** What is planted, and every spelling in which it would be found again. Pure. */

export type CanaryKind = 'guest RAM' | 'guest disk' | 'keys';

export interface Canary {
  readonly kind: CanaryKind;
  /** For the report; never the bytes. */
  readonly name: string;
  /** One spelling each of the same secret: one for bytes, several for words that somebody may have joined in several ways. */
  readonly spellings: readonly Buffer[];
}

export const canaryBytes = 24;

/** `count` canaries of `canaryBytes` each, from `random`. */
export function newCanaries(kind: CanaryKind, count: number, random: (lengthBytes: number) => Buffer): Canary[] {
  return Array.from({ length: count }, (_, index) => ({ kind, name: `${kind} ${index}`, spellings: [random(canaryBytes)] }));
}

export function keyCanary(name: string, bytes: Uint8Array): Canary {
  return { kind: 'keys', name, spellings: [Buffer.from(bytes)] };
}

/** Words as a person types them, as JSON has them, and one on each line. */
export function wordsCanary(name: string, words: readonly string[]): Canary {
  return { kind: 'keys', name, spellings: [' ', '","', '", "', '\n'].map((between) => Buffer.from(words.join(between))) };
}

/** Raw, hex in both cases, base64 and base64url; the latter two at each of the three places where they may begin inside longer bytes. */
export function formsOf(canary: Canary): Buffer[] {
  const forms = canary.spellings.flatMap((bytes) => [bytes, ...[bytes.toString('hex'), bytes.toString('hex').toUpperCase(), ...base64Inside(bytes, 'base64'), ...base64Inside(bytes, 'base64url')].map((text) => Buffer.from(text))]);
  return [...new Map(forms.map((form) => [form.toString('latin1'), form])).values()];
}

/** The characters that depend on `bytes` alone, whatever stands before and after them. */
function base64Inside(bytes: Buffer, alphabet: 'base64' | 'base64url'): string[] {
  return [0, 1, 2].map((before) => {
    const text = Buffer.concat([Buffer.alloc(before), bytes, Buffer.alloc(3)]).toString(alphabet);
    return text.slice(Math.ceil((before * 8) / 6), Math.floor(((before + bytes.length) * 8) / 6));
  });
}
