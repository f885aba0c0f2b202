import type { Random } from '@godwit/base';
import { sha256 } from '@godwit/crypto';

/** Crockford's base 32: no I, L, O, U. A character is five bits, so a code has 80: nobody guesses one in its day. */
const alphabet = '0123456789ABCDEFGHJKMNPQRSTVWXYZ';
const characters = 16;

/** In groups of four, for people to read and type. */
export function newInviteCode(random: Random): string {
  const code = [...random(characters)].map((byte) => alphabet.charAt(byte & 31)).join('');
  return code.replace(/....(?=.)/g, '$&-');
}

/** Of what was typed: upper or lower case, with or without hyphens, and the letters that look like digits for them. */
export function inviteDigest(typed: string): Buffer {
  const plain = typed.toUpperCase().replaceAll('-', '').replaceAll('O', '0').replace(/[IL]/g, '1');
  return sha256(Buffer.from(plain, 'latin1'));
}
