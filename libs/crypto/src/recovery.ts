import { entropyToMnemonic, mnemonicToEntropy } from '@scure/bip39';
import { wordlist } from '@scure/bip39/wordlists/english.js';
import { Fault, type Random } from '@godwit/base';
import { deviceFromSeeds, type DeviceSecrets } from './identity.ts';
import { deriveKey } from './kdf.ts';
import { Secret, zero } from './secrets.ts';

/** BIP39 with 256 bits: 24 words of the English list, the last one with 8 bits of checksum. */
export const recoveryWords = 24;
const entropyBytes = 32;
/** Far above what 24 words of at most 8 letters need; longer input is not typed by a person. */
const typedCharactersMax = 1024;

/**
 * The recovery key: the root of an account, on paper only. Same shape as a device's keys (its `hostId` is the id under
 * which chain entries and grants name the recovery key), but it never is a device.
 */
export type RecoverySecrets = DeviceSecrets;

/** New words, to be shown once and never stored. `recoveryFromWords(words.join(' '))` gives their keys. */
export function createRecovery(random: Random): { words: string[] } {
  const entropy = random(entropyBytes);
  const words = entropyToMnemonic(entropy, wordlist).split(' ');
  zero(entropy);
  return { words };
}

/**
 * The keys behind 24 typed words; case and blanks do not count. Throws RECOVERY_WORDS_WRONG: for the number of words, with
 * the position (from 1) of the first word that is not in the list, or for the checksum. Never with a word in it.
 */
export function recoveryFromWords(words: string): RecoverySecrets {
  const list = words.length > typedCharactersMax ? [] : words.normalize('NFKD').toLowerCase().split(/\s+/u).filter((word) => word !== '');
  const unknown = list.findIndex((word) => !wordlist.includes(word));
  if (unknown !== -1) throw new Fault('RECOVERY_WORDS_WRONG', { expected: 'words of the BIP39 list', found: `another word at position ${unknown + 1}` });
  if (list.length !== recoveryWords) throw new Fault('RECOVERY_WORDS_WRONG', { expected: `${recoveryWords} words`, found: `${list.length}` });
  const entropy = new Secret(entropyOf(list));
  const secrets = deviceFromSeeds(deriveKey(entropy, 'recovery-sign'), deriveKey(entropy, 'recovery-box'));
  entropy.zero();
  return secrets;
}

/** The cause is dropped on purpose: the library's messages are not ours to vouch for. */
function entropyOf(list: string[]): Uint8Array {
  try {
    return mnemonicToEntropy(list.join(' '), wordlist);
  } catch {
    throw new Fault('RECOVERY_WORDS_WRONG', { expected: 'words whose checksum fits', found: 'words of the list that do not belong together' });
  }
}
