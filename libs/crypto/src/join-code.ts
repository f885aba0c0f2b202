import { wordlist } from '@scure/bip39/wordlists/english.js';
import type { DevicePublic } from './identity.ts';
import { domainHash } from './sha256.ts';

/** Short forms that two people, or two screens, compare. What they stand for is in docs/keys.md. */

/** Words of 11 bits each: 88 bits, so a key with a given code costs 2^88 key pairs to find. */
export const joinCodeWords = 8;
const wordBits = 11;
/** Each word of the list is known by its first four letters. */
const prefixLetters = 4;
/** Room for blanks between eight words of eight letters; more is not somebody's typing. */
const typedCharactersMax = 160;

/** The words that join codes are made of: BIP39's English list. */
export const joinWordlist: readonly string[] = wordlist;

/** `able-acid-…`: eight words of a hash over both public keys and the coordinator's name for itself. The joining device shows it, the approving one asks for it. */
export function joinCode({ signPublic, boxPublic }: DevicePublic, audience: string): string {
  const bits = BigInt(`0x${domainHash('join-code', signPublic, boxPublic, Buffer.from(audience, 'utf8')).subarray(0, (joinCodeWords * wordBits) / 8).toString('hex')}`);
  return Array.from({ length: joinCodeWords }, (_, position) => wordlist[Number((bits >> BigInt((joinCodeWords - 1 - position) * wordBits)) & 2047n)]).join('-');
}

/** What was typed as a code, word by word: `word` undefined where `typed` is none of the list. */
export type TypedWord = { readonly typed: string; readonly word: string | undefined };

/** Case, blanks and dashes do not count, and four letters stand for the word that begins with them. Longer than any typing: no words. */
export function readJoinWords(typed: string): TypedWord[] {
  if (typed.length > typedCharactersMax) return [];
  const pieces = typed.normalize('NFKD').toLowerCase().split(/[\s\p{Pd}]+/u).filter((piece) => piece !== '');
  return pieces.map((piece) => ({ typed: piece, word: wordlist.includes(piece) ? piece : piece.length < prefixLetters ? undefined : wordlist.find((word) => word.startsWith(piece)) }));
}

/** Whether `typed` is the device's join code at that coordinator. */
export function matchesJoinCode(typed: string, device: DevicePublic, audience: string): boolean {
  return readJoinWords(typed).map(({ word }) => word).join('-') === joinCode(device, audience);
}

/** 25 decimal digits: 83 bits. In digits, so that nobody takes it for a join code. */
const fingerprintDigits = 25;
const fingerprintGroupDigits = 5;

/** `12345 67890 ...`: what both screens show of the account, from the hash of its genesis entry (`ChainState.genesisHash`). */
export function fingerprint(accountGenesisHash: Uint8Array): string {
  const number = BigInt(`0x${domainHash('fingerprint', accountGenesisHash).toString('hex')}`) % 10n ** BigInt(fingerprintDigits);
  return inGroups(number.toString().padStart(fingerprintDigits, '0'), fingerprintGroupDigits, ' ');
}

/** Whether `typed` is the fingerprint of that account; blanks and dashes do not count. */
export function matchesFingerprint(typed: string, accountGenesisHash: Uint8Array): boolean {
  if (typed.length > typedCharactersMax) return false;
  return typed.replace(/[\s\p{Pd}]/gu, '') === fingerprint(accountGenesisHash).replaceAll(' ', '');
}

function inGroups(text: string, size: number, separator: string): string {
  const groups = [];
  for (let start = 0; start < text.length; start += size) groups.push(text.slice(start, start + size));
  return groups.join(separator);
}
