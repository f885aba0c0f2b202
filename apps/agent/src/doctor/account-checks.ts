import { chmodSync, existsSync, statSync } from 'node:fs';
import { Fault } from '@godwit/base';
import type { DoctorFinding } from '@godwit/wire';
import { credentialKeeper } from '../account/home-key.ts';
import { bytesText, durationText } from '../cli/figures.ts';
import type { Home } from '../home.ts';
import { nearQuotaText, roomText } from './quota-words.ts';
import { good, ill, type Check } from './patient.ts';

/** Looks at the account of this host, its keys, and its ways to coordinator and store. */

/** Signed requests are refused five minutes off; a clock that runs away is told before. */
export const clockOffMsMax = 60_000;
export const clockOffMsRefused = 5 * 60_000;
/** Below this a first departure takes an hour per gigabyte or so. */
export const storeBytesPerSecondMin = 256 * 1024;

export const checkAccount: Check = ({ account, locked }) => {
  if (locked) return Promise.resolve(ill('locked', 'account', 'this host is locked', 'give its passphrase with `godwit unlock`', 'bad'));
  if (account === undefined) return Promise.resolve(ill('not-enrolled', 'account', 'this host belongs to no account', 'run `godwit init` for a new account, or `godwit join` for one you have', 'bad'));
  return Promise.resolve(good('account', 'account', `host ${account.settings.hostName}, fingerprint ${account.fingerprint}`));
};

export const checkKeys: Check = async ({ account, home }) => {
  const { keyStore } = account!;
  if (keyStore.kind === 'passphrase') return good('keys', 'keys', 'sealed under a passphrase: the host is locked after each start of the agent');
  if (keyStore.kind === 'file') return ill('keys', 'keys', `in files of mode 0600, not sealed${keyStore.refusal === undefined ? '' : `: ${keyStore.refusal}`}`, 'who can read this disk has the keys: enrol with --passphrase, or where systemd-creds works for this user');
  if (keyStore.isPlain(home.deviceKeyFile)) return ill('keys', 'keys', 'a key file from before there was a seal', 'it is sealed at the next revocation; or enrol this host anew');
  return good('keys', 'keys', `sealed by systemd-creds (${await credentialKeeper()})`);
};

/** Who else may read or write what only the agent may. `--fix` takes that right away: nobody but it ever needs it. */
export const checkPermissions: Check = ({ home, fix }) => {
  const open = secretsOf(home).filter((path) => existsSync(path) && (statSync(path).mode & 0o077) !== 0);
  const finding = open.length === 0 ? good('permissions', 'permissions', 'keys, chain and socket are for this user only') : mended(open, fix);
  return Promise.resolve(finding);
};

function mended(open: readonly string[], fix: boolean): DoctorFinding {
  const others = `others may read or write ${open.join(', ')}`;
  const way = `chmod 600 ${open.join(' ')}`;
  if (fix) for (const path of open) chmodSync(path, 0o600);
  if (fix) return { ...good('permissions', 'permissions', `${others}: taken away; who had read the keys has them, so consider \`godwit revoke\``), fix: way, fixed: true };
  return { ...ill('permissions', 'permissions', others, 'take that away with `godwit doctor --fix`; who had read the keys has them, so consider `godwit revoke`'), fix: way };
}

function secretsOf(home: Home): string[] {
  return [home.deviceKeyFile, home.accountKeysFile, home.homeKeyFile, home.settingsFile, home.chainFile, home.headsFile, home.policiesFile, home.controlSocket];
}

export const checkCoordinator: Check = async ({ account, coordinatorLink }) => {
  try {
    const { roundTripMs } = await coordinatorLink();
    return good('coordinator', 'coordinator', `${account!.settings.coordinator} answered in ${durationText(roundTripMs)}`);
  } catch (error) {
    return refused('coordinator', 'coordinator', error);
  }
};

export const checkClock: Check = async ({ coordinatorLink }) => {
  const { aheadMs } = await coordinatorLink();
  const off = `${durationText(Math.abs(aheadMs))} ${aheadMs > 0 ? 'ahead of' : 'behind'} the coordinator's`;
  const hint = 'set the clock of this machine (`timedatectl set-ntp true`), or that of the coordinator if all hosts say so';
  if (Math.abs(aheadMs) >= clockOffMsRefused) return ill('clock', 'clock', `${off}: it refuses what this host signs`, hint, 'bad');
  if (Math.abs(aheadMs) >= clockOffMsMax) return ill('clock', 'clock', off, hint);
  return good('clock', 'clock', "as the coordinator's, to the second");
};

export const checkMembership: Check = async ({ account }) => {
  try {
    const { devices } = await account!.refreshChain();
    const trusted = [...devices.values()].filter(({ revokedAt }) => revokedAt === undefined).length;
    return good('membership', 'membership', `the coordinator takes what this host signs; ${trusted} trusted ${trusted === 1 ? 'host' : 'hosts'} in the account`);
  } catch (error) {
    return refused('membership', 'membership', error);
  }
};

export const checkStore: Check = async ({ storeLink }) => {
  try {
    const link = await storeLink();
    if (link === undefined) return good('store', 'store', 'unknown: nothing is in it yet that could be read');
    const found = `${bytesText(link.bytes)} read at ${bytesText(link.bytesPerSecond)}/s, round trip ${durationText(link.roundTripMs)}`;
    return link.bytesPerSecond >= storeBytesPerSecondMin ? good('store', 'store', found) : ill('store-slow', 'store', found, 'the line to the store is slow: suspend before you leave in good time, and keep the working cache (`godwit cache`)');
  } catch (error) {
    const fault = Fault.from(error);
    return ill('store', 'store', `${fault.message} [${fault.code}]`, `${fault.hint}; until then desktops are saved on this machine only`);
  }
};

export const checkQuotas: Check = async ({ quotas: ask }) => {
  try {
    const quotas = await ask();
    const near = quotas === undefined ? undefined : nearQuotaText(quotas);
    if (near === undefined) return good('quotas', 'quotas', quotas === undefined ? 'the coordinator knows none' : roomText(quotas));
    return ill('quotas', 'quotas', near, 'drop old checkpoints with `godwit prune`, or ask the operator of the coordinator for more; what is over it is refused');
  } catch (error) {
    const fault = Fault.from(error);
    return ill('quotas', 'quotas', `${fault.message} [${fault.code}]`, fault.hint);
  }
};

function refused(code: string, check: string, error: unknown): DoctorFinding {
  const fault = Fault.from(error);
  return ill(code, check, fault.message, fault.hint, 'bad');
}

