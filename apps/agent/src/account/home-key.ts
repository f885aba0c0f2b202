import { argon2, type Argon2Parameters } from 'node:crypto';
import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { Fault, type Random } from '@godwit/base';
import { openSealedFile, sealFile, Secret, zero } from '@godwit/crypto';
import { z } from 'zod';

/**
 * The home key seals this host's key files; here is what seals the home key. `systemd-creds`: the machine's TPM or, without one,
 * its host key. `passphrase`: Argon2id. A host without either keeps its key files as they are (mode 0600).
 */

const homeKeyBytes = 32;
const credentialName = 'godwit-home-key';
const credentialMs = 20_000;
/** Of the sealed home key: 32 bytes and what the provider adds; a TPM's blobs are some kilobytes. */
const sealedCharactersMax = 64 * 1024;

/** Memory and time that a file of this folder may cost an unlock; more is somebody's attack on the machine. */
export const argonLimits = { memoryKiBMin: 8 * 1024, memoryKiBMax: 1024 * 1024, passesMax: 16, parallelismMax: 4 } as const;
/** OWASP's floor is 19 MiB and 2 passes; this takes about 0.3 s. */
const argonDefault = { memoryKiB: 64 * 1024, passes: 3, parallelism: 1 } as const;
export const passphraseCharacters = { least: 8, most: 1024 } as const;

const base64 = z.string().max(sealedCharactersMax).regex(/^[A-Za-z0-9+/]+={0,2}$/);
export const sealedHomeKey = z.discriminatedUnion('kind', [
  z.strictObject({ version: z.literal(1), kind: z.literal('systemd-creds'), sealed: base64 }),
  z.strictObject({
    version: z.literal(1),
    kind: z.literal('passphrase'),
    memoryKiB: z.int().min(argonLimits.memoryKiBMin).max(argonLimits.memoryKiBMax),
    passes: z.int().min(1).max(argonLimits.passesMax),
    parallelism: z.int().min(1).max(argonLimits.parallelismMax),
    salt: z.string().regex(/^[0-9a-f]{64}$/),
    sealed: base64,
  }),
]);
export type SealedHomeKey = z.infer<typeof sealedHomeKey>;
export type UnderPassphrase = Extract<SealedHomeKey, { kind: 'passphrase' }>;

export function newHomeKey(random: Random): Secret {
  return new Secret(random(homeKeyBytes));
}

/** Throws ARGUMENT_INVALID for a passphrase that is too short to be one. */
export async function sealUnderPassphrase(homeKey: Secret, passphrase: string, random: Random): Promise<UnderPassphrase> {
  const { least, most } = passphraseCharacters;
  if (passphrase.length < least || passphrase.length > most) throw new Fault('ARGUMENT_INVALID', { subject: 'passphrase', expected: `${least} to ${most} characters` });
  const cost = { ...argonDefault, salt: random(32).toString('hex') };
  const key = await stretched(passphrase, cost);
  const sealed = sealFile(key, labelOf(cost), homeKey.bytes, random).toString('base64');
  key.zero();
  return { version: 1, kind: 'passphrase', ...cost, sealed };
}

/** Throws PASSPHRASE_WRONG, also for a file that was changed. */
export async function openUnderPassphrase(file: UnderPassphrase, passphrase: string): Promise<Secret> {
  const key = await stretched(passphrase.slice(0, passphraseCharacters.most + 1), file);
  try {
    return new Secret(openSealedFile(key, labelOf(file), Buffer.from(file.sealed, 'base64')));
  } catch {
    throw new Fault('PASSPHRASE_WRONG');
  } finally {
    key.zero();
  }
}

type Cost = Pick<UnderPassphrase, 'memoryKiB' | 'passes' | 'parallelism' | 'salt'>;

/** The parameters are part of the seal: who weakens them in the file has another key. */
function labelOf({ memoryKiB, passes, parallelism, salt }: Cost): string {
  return `home.key argon2id ${memoryKiB} ${passes} ${parallelism} ${salt}`;
}

async function stretched(passphrase: string, { memoryKiB, passes, parallelism, salt }: Cost): Promise<Secret> {
  const message = Buffer.from(passphrase.normalize('NFKC'), 'utf8');
  const parameters: Argon2Parameters = { message, nonce: Buffer.from(salt, 'hex'), memory: memoryKiB, passes, parallelism, tagLength: homeKeyBytes };
  try {
    return new Secret(await promisify(argon2)('argon2id', parameters));
  } finally {
    zero(message);
  }
}

/** Sealed by the system's credential store, or why that does not work here: found out by sealing and opening, not by looking for the program. */
export async function sealByCredentials(homeKey: Secret): Promise<{ file: SealedHomeKey } | { refusal: string }> {
  try {
    const sealed = (await credentials(['encrypt', `--name=${credentialName}`, '-', '-'], homeKey.bytes)).toString('latin1').replace(/\s+/g, '');
    const file = sealedHomeKey.parse({ version: 1, kind: 'systemd-creds', sealed });
    const again = await openByCredentials(sealed);
    const same = again.equals(homeKey);
    again.zero();
    return same ? { file } : { refusal: 'systemd-creds gives back something else' };
  } catch (error) {
    return { refusal: refusalOf(error) };
  }
}

/** Throws KEYS_SEALED. */
export async function openByCredentials(sealed: string): Promise<Secret> {
  let bytes: Buffer;
  try {
    bytes = await credentials(['decrypt', `--name=${credentialName}`, '-', '-'], Buffer.from(sealed, 'latin1'));
  } catch (error) {
    throw new Fault('KEYS_SEALED', { found: refusalOf(error) });
  }
  if (bytes.length !== homeKeyBytes) throw new Fault('KEYS_SEALED', { expected: `${homeKeyBytes} bytes`, found: `${bytes.length}` });
  return new Secret(bytes);
}

/** What keeps the credential store's own key: for `doctor`. */
export async function credentialKeeper(): Promise<string> {
  try {
    await credentials(['has-tpm2', '--quiet'], Buffer.alloc(0));
    return 'TPM and host key';
  } catch {
    return 'host key; no TPM';
  }
}

/** Keys go through pipes only: arguments and environment are for all to see. */
function credentials(words: readonly string[], input: Buffer): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    const child = execFile('systemd-creds', words, { encoding: 'buffer', timeout: credentialMs, maxBuffer: 2 * sealedCharactersMax }, (error, stdout) => {
      if (error === null) resolve(stdout);
      else reject(Object.assign(new Error('systemd-creds failed'), { code: error.code }));
    });
    child.stdin?.on('error', () => undefined); // It ended before it read: its exit code says so.
    child.stdin?.end(input);
  });
}

/** Never what the program printed: nobody vouches for what is in there. */
function refusalOf(error: unknown): string {
  const code = error instanceof Error && 'code' in error ? error.code : undefined;
  if (code === 'ENOENT') return 'there is no systemd-creds here';
  return `systemd-creds refuses${typeof code === 'number' ? ` (exit ${code})` : ''}`;
}
