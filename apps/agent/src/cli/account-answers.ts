import { printable } from '@godwit/base';
import type { ControlResult } from '@godwit/wire';
import { bytesText } from './figures.ts';

/** What revoke, rekey and recover print for people. Pure. */

export function revokeAnswer({ hostName, hostId, held, staying, generation, done }: ControlResult<'revoke'>): string {
  const host = `${printable(hostName)} (${hostId.slice(0, 8)})`;
  const lost = held.map(({ name, sequence }) => `  ${name}: held there; what it did since ${sequence === null ? 'it was made' : `checkpoint ${sequence}`} is lost`);
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
