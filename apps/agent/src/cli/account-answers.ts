import { printable } from '@godwit/base';
import type { ControlResult } from '@godwit/wire';
import { bytesText, table } from './figures.ts';

/** What revoke, rekey and recover print for people. Pure. */

export function joinAnswer({ hostName, accountId, fingerprint, done }: ControlResult<'join'>): string {
  if (!done) return `Account ${accountId.slice(0, 8)} lets this machine in. Its fingerprint:\n\n  ${fingerprint}\n\nNothing is saved yet.`;
  return `This host is ${hostName} in account ${accountId.slice(0, 8)}.\nAccount fingerprint ${fingerprint}: it must be the same on the host that approved.`;
}

export function approveAnswer({ decision, hostName, fingerprint, observed, reported }: ControlResult<'approve'>): string {
  const name = printable(hostName);
  if (decision === 'refuse') return `${name} is told that it is not let in.`;
  if (decision === 'approve') return `${name} is now a host of this account.\nAccount fingerprint ${fingerprint}: the new host must show the same.`;
  return [
    'A machine with this code waits to join your account; its keys fit the code.',
    table([
      ['  asked at', new Date(observed.askedMs).toLocaleString(), '(seen by the coordinator)'],
      ['  from', printable(observed.address), '(seen by the coordinator)'],
      ['  name', printable(reported.name), '(reported)'],
      ['  system', reported.system === '' ? '-' : printable(reported.system), '(reported)'],
    ]),
    'Approve only a code that you asked for yourself and read on the screen of that machine: whoever is let in gets the keys of the account.',
    `The new host will show this fingerprint of the account: ${fingerprint}`,
    'Nothing was decided; --yes lets it in, --refuse tells it no.',
  ].join('\n');
}

export function revokeAnswer({ hostName, hostId, held, staying, generation, done }: ControlResult<'revoke'>): string {
  const host = `${printable(hostName)} (${hostId.slice(0, 8)})`;
  const lost = held.map(({ name, sequence, acknowledgedMs }) => `  ${name}: held there; what it did since ${sequence === null || acknowledgedMs === null ? 'it was made' : `checkpoint ${sequence} of ${new Date(acknowledgedMs).toLocaleString()}`} is lost`);
  if (!done) {
    return [`Revoking ${host} ends its trust for ever: it cannot come back with the same keys.`, ...lost, `It keeps what it holds and could read until now. ${staying.map(printable).join(', ')} and the recovery words stay.`].join('\n');
  }
  return [`${host} is revoked. What is written from now on is under new keys (generation ${generation}), which it does not get.`, ...lost, 'Next: godwit rekey NAME, for each desktop; with --full, also what was written before is sealed anew.'].join('\n');
}

export function rekeyAnswer({ name, keys, generation, full }: ControlResult<'rekey'>): string {
  const wrapped = keys === 0 ? `${name}: all keys are under the newest account key (generation ${generation}) already.` : `${name}: ${keys} ${keys === 1 ? 'key' : 'keys'} wrapped again under the newest account key (generation ${generation}).`;
  if (full === null) return wrapped;
  return `${wrapped}\nCheckpoint ${full.sequence} is sealed anew: ${bytesText(full.bytesWritten)} written; ${full.packs} packs (${bytesText(full.bytes)}) are needed by older checkpoints alone. Next: godwit prune ${name}`;
}

export function recoverAnswer({ hostName, accountId, fingerprint, others }: ControlResult<'recover'>): string {
  const next = others.map((name) => `  godwit revoke ${printable(name)}`);
  return [
    `This host is ${hostName} in account ${accountId.slice(0, 8)} (fingerprint ${fingerprint}).`,
    ...(others.length === 0 ? [] : ['The other hosts are still trusted. Revoke each that is lost:', ...next]),
  ].join('\n');
}
