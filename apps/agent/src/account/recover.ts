import { Fault } from '@godwit/base';
import { createDevice, extendChain, grantAccountKey, recoveryFromWords, replayChain, sameDevice, signAdd, type ChainState, type RecoverySecrets, type Secret } from '@godwit/crypto';
import { bytesOf, textOf, type Grant } from '@godwit/wire';
import { Account, openGrants, type AccountPorts, type EnrolWish } from './account.ts';
import { Coordinator, learnAudience } from './coordinator.ts';

interface Found {
  readonly entries: readonly Buffer[];
  readonly chain: ChainState;
  readonly keys: ReadonlyMap<number, Secret>;
}

/**
 * Makes this machine a host of the account that the 24 words are the root of, with every other host lost. The words give the recovery
 * key; the chain has to be that key's own from its genesis on. Revokes nothing. Throws RECOVERY_WORDS_WRONG.
 */
export async function recoverAccount(ports: AccountPorts, wish: EnrolWish & { readonly words: string }): Promise<Account> {
  const { clock, random } = ports;
  const recovery = recoveryFromWords(wish.words);
  try {
    const { audience, logKey } = await learnAudience(wish.coordinator);
    const coordinator = new Coordinator({ url: wish.coordinator, audience, device: recovery, clock, random });
    const { entries, chain, keys } = await findAccount(coordinator, recovery);
    const device = createDevice(random);
    const entry = signAdd(chain, { device, name: wish.hostName, signer: recovery, createdMs: clock.wallMs() });
    const after = extendChain(chain, entry);
    const grants = [...keys].map(([generation, accountKey]) => ({
      recipient: device.hostId,
      generation,
      bytes: textOf(grantAccountKey({ accountKey, generation, chain: after, chainAgeMs: 0, to: device, by: recovery }, random)),
    }));
    await coordinator.call('recoverAccount', { body: { accountId: chain.accountId, expectedLength: chain.length, entry: textOf(entry), grants } });
    return await Account.enrol(ports, { ...wish, audience, logKey }, device, [...entries, entry], keys);
  } finally {
    recovery.signSecret.zero();
    recovery.boxSecret.zero();
  }
}

async function findAccount(coordinator: Coordinator, recovery: RecoverySecrets): Promise<Found> {
  const entries: Buffer[] = [];
  let grants: readonly Grant[] = [];
  for (;;) {
    const page = await coordinator.call('findRecovery', { query: entries.length === 0 ? {} : { from: String(entries.length) } });
    entries.push(...page.entries.map(bytesOf));
    grants = page.grants;
    if (entries.length >= page.length || page.entries.length === 0) break;
  }
  const chain = replayChain(entries);
  if (!sameDevice(chain.recovery, recovery)) throw new Fault('CHAIN_SIGNER_REFUSED', { expected: 'the account of these recovery words', found: `account ${chain.accountId}` });
  const keys = openGrants(grants, recovery, chain);
  if (!keys.has(chain.generation)) throw new Fault('GRANT_INVALID', { expected: `the account key of generation ${chain.generation} for the recovery key` });
  return { entries, chain, keys };
}
