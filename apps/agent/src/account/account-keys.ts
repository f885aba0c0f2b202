import { ByteReader, ByteWriter, Fault } from '@godwit/base';
import { accountKeyBytes, deserialiseDevice, Secret, serialiseDevice, zero, type DeviceSecrets } from '@godwit/crypto';
import type { Home } from '../home.ts';
import type { KeyStore } from './key-store.ts';

const magic = Buffer.from('GWACCKEY', 'latin1');
const version = 1;
/** One generation per revocation, and a chain holds 4096 entries. */
const generationsMax = 4096;
const deviceLabel = 'device.key';
const accountLabel = 'account.key';

/** The account key of each generation that was granted to this host. */
export type AccountKeys = ReadonlyMap<number, Secret>;

export async function saveDevice(home: Home, store: KeyStore, device: DeviceSecrets): Promise<void> {
  await store.write(home.deviceKeyFile, deviceLabel, serialiseDevice(device));
}

export function loadDevice(home: Home, store: KeyStore): DeviceSecrets {
  const bytes = store.read(home.deviceKeyFile, deviceLabel);
  const device = deserialiseDevice(bytes);
  zero(bytes);
  return device;
}

/** magic 8, version u16, count u16, then count times (generation u32, key 32). */
export async function saveAccountKeys(home: Home, store: KeyStore, keys: AccountKeys): Promise<void> {
  const writer = new ByteWriter().put(magic).u16(version).u16(keys.size);
  for (const [generation, key] of keys) writer.u32(generation).put(key.bytes);
  await store.write(home.accountKeysFile, accountLabel, writer.finish());
}

/** Throws RECORD_DAMAGED. */
export function loadAccountKeys(home: Home, store: KeyStore): AccountKeys {
  const bytes = store.read(home.accountKeysFile, accountLabel);
  const reader = new ByteReader(bytes, 'RECORD_DAMAGED');
  const known = reader.take(magic.length).equals(magic) && reader.u16() === version;
  const count = known ? reader.u16() : 0;
  if (count < 1 || count > generationsMax || reader.remainingBytes !== count * (4 + accountKeyBytes)) throw new Fault('RECORD_DAMAGED', { subject: home.accountKeysFile });
  const keys = new Map<number, Secret>();
  for (let index = 0; index < count; index++) keys.set(reader.u32(), new Secret(Buffer.from(reader.take(accountKeyBytes))));
  zero(bytes);
  return keys;
}
