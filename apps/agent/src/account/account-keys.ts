import { readFileSync } from 'node:fs';
import { ByteReader, ByteWriter, Fault } from '@godwit/base';
import { accountKeyBytes, deserialiseDevice, Secret, serialiseDevice, zero, type DeviceSecrets } from '@godwit/crypto';
import { writeDurably } from '../durable-file.ts';
import type { Home } from '../home.ts';

const magic = Buffer.from('GWACCKEY', 'latin1');
const version = 1;
/** One generation per revocation, and a chain holds 4096 entries. */
const generationsMax = 4096;

/** The account key of each generation that was granted to this host. */
export type AccountKeys = ReadonlyMap<number, Secret>;

/** Both files have mode 0600 and are replaced whole. What is at rest in them is not sealed yet: see docs/ARCHITECTURE.md, "What is not there yet". */
export async function saveDevice(home: Home, device: DeviceSecrets): Promise<void> {
  const bytes = serialiseDevice(device);
  await writeDurably(home.deviceKeyFile, bytes);
  zero(bytes);
}

export function loadDevice(home: Home): DeviceSecrets {
  const bytes = readFileSync(home.deviceKeyFile);
  const device = deserialiseDevice(bytes);
  zero(bytes);
  return device;
}

/** magic 8, version u16, count u16, then count times (generation u32, key 32). */
export async function saveAccountKeys(home: Home, keys: AccountKeys): Promise<void> {
  const writer = new ByteWriter().put(magic).u16(version).u16(keys.size);
  for (const [generation, key] of keys) writer.u32(generation).put(key.bytes);
  const bytes = writer.finish();
  await writeDurably(home.accountKeysFile, bytes);
  zero(bytes);
}

/** Throws RECORD_DAMAGED. */
export function loadAccountKeys(home: Home): AccountKeys {
  const bytes = readFileSync(home.accountKeysFile);
  const reader = new ByteReader(bytes, 'RECORD_DAMAGED');
  const known = reader.take(magic.length).equals(magic) && reader.u16() === version;
  const count = known ? reader.u16() : 0;
  if (count < 1 || count > generationsMax || reader.remainingBytes !== count * (4 + accountKeyBytes)) throw new Fault('RECORD_DAMAGED', { subject: home.accountKeysFile });
  const keys = new Map<number, Secret>();
  for (let index = 0; index < count; index++) keys.set(reader.u32(), new Secret(Buffer.from(reader.take(accountKeyBytes))));
  zero(bytes);
  return keys;
}
