import { Fault, type Clock, type Log, type Random } from '@godwit/base';
import { currentDevice, extendChain, grantAccountKey, newAccountKey, signRevoke, wrappedGenerations, type ChainDevice, type ChainState, type DevicePublic, type Secret } from '@godwit/crypto';
import { bytesOf, grantsLimit, textOf, type ControlArguments, type ControlResult, type Desktop, type Grant } from '@godwit/wire';
import { nearest } from '../desktop/find-desktop.ts';
import type { Account } from './account.ts';
import { acceptHead } from './accept-head.ts';

/** As many digits as `godwit hosts` shows. */
const idDigitsMin = 8;

/**
 * Ends the trust in a host: its entry, a new account key and its grants to everybody who stays are one transaction at the coordinator;
 * then each desktop gets a new key. A host that ends between the two leaves that to whoever writes the desktop next.
 */
export async function revokeHost(account: Account, { host, confirmed }: ControlArguments<'revoke'>, { clock, random, log }: { clock: Clock; random: Random; log: Log }): Promise<ControlResult<'revoke'>> {
  const before = await account.refreshChain();
  const { device, name } = hostNamed(before, host);
  const staying = [...before.devices.values()].filter((other) => other.revokedAt === undefined && other.device.hostId !== device.hostId);
  if (staying.length === 0) throw new Fault('DEVICE_LAST', { subject: name });
  if (device.hostId === account.device.hostId) throw new Fault('ARGUMENT_INVALID', { subject: name, expected: 'another host', found: 'this one', hint: `run it on another host: ${staying.map((other) => other.name).join(', ')}` });
  const { desktops } = await account.coordinator.call('listDesktops', {});
  const held = desktops.filter(({ owner }) => owner?.hostId === device.hostId).map((desktop) => ({ name: desktop.name, sequence: desktop.head?.sequence ?? null, acknowledgedMs: desktop.head?.acknowledgedMs ?? null }));
  const result = { hostId: device.hostId, hostName: name, held, staying: staying.map((other) => other.name) };
  if (!confirmed) return { ...result, generation: before.generation, done: false };
  // What it committed until now was committed by a trusted host: from now on only what was seen by then counts.
  for (const desktop of desktops) await rememberHead(account, desktop, log);
  const accountKey = newAccountKey(random);
  const entry = signRevoke(before, { subject: device.hostId, accountKey, signer: account.device, createdMs: clock.wallMs() });
  const after = extendChain(before, entry);
  const keys = new Map([...account.keys].filter(([generation]) => neededGenerations(desktops).has(generation))).set(after.generation, accountKey);
  const recipients = [after.recovery, ...staying.map((other) => other.device)];
  const grants = grantsOf(account, after, keys, recipients, random);
  await account.coordinator.call('appendChain', { body: { expectedLength: before.length, entry: textOf(entry), grants } });
  await account.keepKeys(new Map([[after.generation, accountKey]]));
  await account.refreshChain();
  for (const { desktopId, wrappedKeys } of desktops) await account.withNewestKey(desktopId, wrappedKeys);
  return { ...result, generation: after.generation, done: true };
}

/** The current device of that name, id, or beginning of an id. Throws DEVICE_UNKNOWN, DEVICE_REVOKED, HOST_AMBIGUOUS. */
export function hostNamed(chain: ChainState, wanted: string): ChainDevice {
  const isMeant = ({ device, name }: ChainDevice): boolean => name === wanted || (wanted.length >= idDigitsMin && device.hostId.startsWith(wanted.toLowerCase()));
  const all = [...chain.devices.values()].filter(isMeant);
  const current = all.filter(({ device }) => currentDevice(chain, device.hostId) !== undefined);
  const [found] = current;
  if (found === undefined) throw all.length > 0 ? new Fault('DEVICE_REVOKED', { subject: wanted }) : unknownHost(chain, wanted);
  if (current.length > 1) throw new Fault('HOST_AMBIGUOUS', { subject: wanted, found: current.map(({ device }) => device.hostId.slice(0, 2 * idDigitsMin)).join(', ') });
  return found;
}

/** With the name that may have been meant, of a host that still counts. */
function unknownHost(chain: ChainState, wanted: string): Fault {
  const names = [...chain.devices.values()].filter(({ device }) => currentDevice(chain, device.hostId) !== undefined).map(({ name }) => name);
  const near = nearest(wanted, names);
  return new Fault('DEVICE_UNKNOWN', { subject: wanted, ...(near === undefined ? {} : { hint: `did you mean ${near}?` }) });
}

/** The generations of the account key that some desktop key is still wrapped under. */
export function neededGenerations(desktops: readonly Desktop[]): ReadonlySet<number> {
  return new Set(desktops.flatMap(({ wrappedKeys }) => wrappedKeys.map(({ bytes }) => wrappedGenerations(bytesOf(bytes)).generation)));
}

/**
 * Every key to everybody. Grants count while their signer does, so those that the revoked host signed have to be made again. Where one
 * request cannot hold them all, hosts go without the older ones, which they keep themselves; the recovery key keeps nothing.
 */
function grantsOf(account: Account, chain: ChainState, keys: ReadonlyMap<number, Secret>, recipients: readonly DevicePublic[], random: Random): Grant[] {
  const newest = chain.generation;
  const whole = keys.size * recipients.length <= grantsLimit;
  return recipients.flatMap((to) =>
    [...keys]
      .filter(([generation]) => whole || generation === newest || to.hostId === chain.recovery.hostId)
      .map(([generation, accountKey]) => ({
        recipient: to.hostId,
        generation,
        bytes: textOf(grantAccountKey({ accountKey, generation, chain, chainAgeMs: account.chain.ageMs, to, by: account.device }, random)),
      })),
  );
}

async function rememberHead(account: Account, { desktopId, name, head }: Desktop, log: Log): Promise<void> {
  if (head === null) return;
  const { manifest } = await account.coordinator.call('readManifest', { params: { desktopId, sequence: String(head.sequence) } });
  try {
    await acceptHead(account, { desktopId, name }, bytesOf(manifest));
  } catch (error) {
    // One that does not hold is not remembered, and refused when somebody wants it. A coordinator that shows such things must not hinder this.
    log.warn('head-not-accepted', { desktop: desktopId, error });
  }
}
