import { Fault } from '@godwit/base';
import { sha256, wrappedGenerations } from '@godwit/crypto';
import { bytesOf, textOf, type Desktop } from '@godwit/wire';
import type { Account } from './account.ts';

export interface Rewrapped {
  /** Desktop keys that were wrapped again. */
  readonly keys: number;
  /** Of the account key that they all are under now. */
  readonly generation: number;
}

/**
 * Wraps the keys of all generations of a desktop under the newest account key, so that older account keys are not needed for it any
 * more. What is sealed stays sealed as it is. Repeating it is harmless. Throws REKEY_INCOMPLETE for keys whose account key is not here.
 */
export async function rewrapKeys(account: Account, { desktopId, name, wrappedKeys }: Desktop): Promise<Rewrapped> {
  const { generation: newest } = await account.refreshChain();
  const all = await account.withNewestKey(desktopId, wrappedKeys);
  const older = all.filter(({ bytes }) => wrappedGenerations(bytesOf(bytes)).generation < newest);
  for (const wrapped of older) {
    const { generation: underGeneration } = wrappedGenerations(bytesOf(wrapped.bytes));
    if (!account.keys.has(underGeneration)) throw new Fault('REKEY_INCOMPLETE', { subject: name, expected: `the account key of generation ${underGeneration}` });
    const desktopKey = account.openDesktopKeys(desktopId, [wrapped]).get(wrapped.generation)!;
    const again = account.wrapKey(desktopId, wrapped.generation, desktopKey);
    await account.coordinator.call('keepDesktopKey', { params: { desktopId }, body: { wrappedKey: again, replaces: textOf(sha256(bytesOf(wrapped.bytes))) } });
    desktopKey.zero();
  }
  return { keys: older.length, generation: newest };
}
