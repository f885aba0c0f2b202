import { domainHash } from './sha256.ts';
import type { DevicePublic } from './identity.ts';

/** Short forms that two people, or two screens, compare. What they stand for is in docs/keys.md. */

/** Crockford's base 32: no I, L, O, U. */
const alphabet = '0123456789ABCDEFGHJKMNPQRSTVWXYZ';
/** 16 characters of 5 bits: 80 bits, so a key with a given code costs 2^80 key pairs to find. */
const codeCharacters = 16;
const groupCharacters = 4;
/** Room for a blank between all characters; more is not somebody's typing. */
const typedCharactersMax = 64;

/** `7ZK3-0Q9M-X2PB-WT6D`: 80 bits of a hash over both public keys. The joining device shows it, the approving one asks for it. */
export function joinCode(device: DevicePublic): string {
  return inGroups(codeOf(device), groupCharacters, '-');
}

/** Whether `typed` is the device's join code. Case, spaces and dashes do not count; O is 0, I and L are 1. */
export function matchesJoinCode(typed: string, device: DevicePublic): boolean {
  if (typed.length > typedCharactersMax) return false;
  const code = typed
    .toUpperCase()
    .replace(/[\s\p{Pd}]/gu, '')
    .replaceAll('O', '0')
    .replace(/[IL]/g, '1');
  return code === codeOf(device);
}
/** 25 decimal digits: 83 bits. In digits, so that nobody takes it for a join code. */
const fingerprintDigits = 25;
const fingerprintGroupDigits = 5;

/** `12345 67890 ...`: what both screens show of the account, from the hash of its genesis entry (`ChainState.genesisHash`). */
export function fingerprint(accountGenesisHash: Uint8Array): string {
  const number = BigInt(`0x${domainHash('fingerprint', accountGenesisHash).toString('hex')}`) % 10n ** BigInt(fingerprintDigits);
  return inGroups(number.toString().padStart(fingerprintDigits, '0'), fingerprintGroupDigits, ' ');
}

function codeOf({ signPublic, boxPublic }: DevicePublic): string {
  const bits = BigInt(`0x${domainHash('join-code', signPublic, boxPublic).subarray(0, (codeCharacters * 5) / 8).toString('hex')}`);
  let code = '';
  for (let position = codeCharacters - 1; position >= 0; position--) code += alphabet.charAt(Number((bits >> BigInt(position * 5)) & 31n));
  return code;
}

function inGroups(text: string, size: number, separator: string): string {
  const groups = [];
  for (let start = 0; start < text.length; start += size) groups.push(text.slice(start, start + size));
  return groups.join(separator);
}
