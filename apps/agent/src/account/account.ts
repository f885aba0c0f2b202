import { Fault, newId, type AccountId, type Clock, type DesktopId, type JoinId, type Log, type Random } from '@godwit/base';
import {
  createDevice, createRecovery, currentDevice, deviceFromPublic, extendChain, fingerprint, grantAccountKey, matchesJoinCode, newAccountKey, newDesktopKey, openGrant, recoveryFromWords,
  replayChain, signAdd, signGenesis, unwrapDesktopKey, wrapDesktopKey, wrappedGenerations, type ChainState, type DevicePublic, type DeviceSecrets, type Secret,
} from '@godwit/crypto';
import { bytesOf, type ControlArguments, type ControlResult, type Grant, type WrappedKey } from '@godwit/wire';
import { LogWatch } from '../audit/log-watch.ts';
import type { Home } from '../home.ts';
import { loadAccountKeys, loadDevice, saveAccountKeys, saveDevice, type AccountKeys } from './account-keys.ts';
import { ChainMemory } from './chain-memory.ts';
import { Coordinator, learnAudience } from './coordinator.ts';
import { HeadMemory } from './head-memory.ts';
import { codeOf } from './join-words.ts';
import { KeyStore } from './key-store.ts';
import { PolicyMemory } from './policy-memory.ts';
import { loadSettings, saveSettings, type Settings } from './settings.ts';

export interface AccountPorts {
  readonly home: Home;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Log;
}

/** How a host is to be enrolled. */
export interface EnrolWish {
  readonly coordinator: string;
  readonly hostName: string;
  /** Seals this host's keys; null: the system does, where it can. */
  readonly passphrase: string | null;
}

const text = (bytes: Uint8Array): string => Buffer.from(bytes).toString('base64url');

/** This host's membership in an account: its device keys, the chain as it knows it, the account keys, and the coordinator. */
export class Account {
  readonly settings: Settings;
  readonly device: DeviceSecrets;
  readonly chain: ChainMemory;
  readonly coordinator: Coordinator;
  readonly logWatch: LogWatch;
  readonly heads: HeadMemory;
  readonly policies: PolicyMemory;
  readonly keyStore: KeyStore;
  readonly #ports: AccountPorts;
  #keys: AccountKeys;

  private constructor(ports: AccountPorts, keyStore: KeyStore, settings: Settings, device: DeviceSecrets, chain: ChainMemory, keys: AccountKeys) {
    this.#ports = ports;
    this.settings = settings;
    this.device = device;
    this.chain = chain;
    this.#keys = keys;
    this.keyStore = keyStore;
    this.heads = HeadMemory.load(ports.home.headsFile);
    this.policies = PolicyMemory.load(ports.home.policiesFile);
    this.coordinator = new Coordinator({ url: settings.coordinator, audience: settings.audience, device, clock: ports.clock, random: ports.random });
    this.logWatch = new LogWatch({ directory: ports.home.directory, coordinator: this.coordinator, key: settings, clock: ports.clock, log: ports.log });
  }

  /** Undefined where this host was never enrolled. `keyStore` is not locked. */
  static load(ports: AccountPorts, keyStore: KeyStore): Account | undefined {
    const settings = loadSettings(ports.home);
    if (settings === undefined) return undefined;
    return new Account(ports, keyStore, settings, loadDevice(ports.home, keyStore), ChainMemory.load(ports.home.chainFile, ports.clock), loadAccountKeys(ports.home, keyStore));
  }

  /** A new account with this host as its first device. The recovery words exist only in the return value. */
  static async create(ports: AccountPorts, wish: EnrolWish): Promise<{ account: Account; recoveryWords: string[] }> {
    const { random, clock } = ports;
    const { audience, logKey } = await learnAudience(wish.coordinator);
    const device = createDevice(random);
    const accountKey = newAccountKey(random);
    const { words } = createRecovery(random);
    const recovery = recoveryFromWords(words.join(' '));
    const genesis = signGenesis({ recovery, accountKey, device, name: wish.hostName, createdMs: clock.wallMs() });
    const state = replayChain([genesis]);
    const grants = [device, recovery].map((to) => ({ recipient: to.hostId, generation: 1, bytes: text(grantAccountKey({ accountKey, generation: 1, chain: state, chainAgeMs: 0, to, by: device }, random)) }));
    const coordinator = new Coordinator({ url: wish.coordinator, audience, device, clock, random });
    recovery.signSecret.zero();
    recovery.boxSecret.zero();
    await coordinator.call('createAccount', { body: { genesis: text(genesis), grants } });
    const account = await Account.enrol(ports, { ...wish, audience, logKey }, device, [genesis], new Map([[1, accountKey]]));
    return { account, recoveryWords: words };
  }

  /** Makes this machine the host that `entries` say it is. The settings are written last: they are what makes it enrolled at the next start. */
  static async enrol(ports: AccountPorts, place: EnrolWish & { readonly audience: string; readonly logKey: string }, device: DeviceSecrets, entries: readonly Buffer[], keys: AccountKeys): Promise<Account> {
    const { home, random, clock } = ports;
    const { coordinator, audience, logKey, hostName, passphrase } = place;
    const keyStore = await KeyStore.create(home, random, passphrase);
    await saveDevice(home, keyStore, device);
    await saveAccountKeys(home, keyStore, keys);
    const chain = await ChainMemory.begin(home.chainFile, clock, entries);
    const settings: Settings = { version: 1, coordinator, audience, logKey, hostName, accountId: chain.state.accountId };
    await saveSettings(home, settings);
    return new Account(ports, keyStore, settings, device, chain, keys);
  }

  get accountId(): AccountId {
    return this.settings.accountId;
  }

  get fingerprint(): string {
    return fingerprint(this.chain.state.genesisHash);
  }

  /** The generations of the account key that this host holds. */
  get keys(): AccountKeys {
    return this.#keys;
  }

  /**
   * The newest chain, with the account key of its generation in hand. Throws what its checks throw, COORDINATOR_UNREACHABLE, HOST_REVOKED
   * when the chain has no place for this host any more, and GRANT_INVALID when nobody has granted it the newest key.
   */
  async refreshChain(): Promise<ChainState> {
    const state = await this.chain.refresh(this.coordinator);
    if (currentDevice(state, this.device.hostId) === undefined) throw new Fault('HOST_REVOKED', { subject: this.settings.hostName });
    if (!this.#keys.has(state.generation)) await this.#takeGrants(state);
    return state;
  }

  /** Keys that this host made or was granted, beside those it holds. */
  async keepKeys(keys: AccountKeys): Promise<void> {
    const all = new Map([...this.#keys, ...keys].sort(([a], [b]) => a - b));
    const { home } = this.#ports;
    await saveAccountKeys(home, this.keyStore, all);
    if (this.keyStore.kind !== 'file' && this.keyStore.isPlain(home.deviceKeyFile)) await saveDevice(home, this.keyStore, this.device);
    this.#keys = all;
  }

  /** Takes what the coordinator has for this host. Older generations that do not open are left; the newest one must. */
  async #takeGrants(chain: ChainState): Promise<void> {
    const { grants } = await this.coordinator.call('listGrants', {});
    const taken = openGrants(grants, this.device, chain, (generation) => !this.#keys.has(generation));
    if (!taken.has(chain.generation)) throw new Fault('GRANT_INVALID', { expected: `the account key of generation ${chain.generation}` });
    await this.keepKeys(taken);
    this.#ports.log.info('account-key-taken', { generation: chain.generation });
  }

  /**
   * What is known of the machine that shows `code`, which is then let in, refused, or left waiting. The code is a hash of its keys, so the coordinator cannot slip
   * in others: JOIN_CODE_WRONG. Throws JOIN_NOT_FOUND, with the word that may have been meant.
   */
  async approve({ code: typed, decision }: ControlArguments<'approve'>): Promise<ControlResult<'approve'>> {
    const code = codeOf(typed);
    const found = await this.coordinator.call('findJoin', { query: { code } });
    const joiner = deviceFromPublic(bytesOf(found.signPublic), bytesOf(found.boxPublic));
    if (!matchesJoinCode(code, joiner, this.settings.audience)) throw new Fault('JOIN_CODE_WRONG', { found: found.name });
    if (decision === 'approve') await this.#letIn(found.joinId, joiner, found.name);
    if (decision === 'refuse') await this.coordinator.call('refuseJoin', { params: { joinId: found.joinId } });
    const { askedMs, address, name, system } = found;
    return { decision, hostId: joiner.hostId, hostName: name, fingerprint: this.fingerprint, observed: { askedMs, address }, reported: { name, system } };
  }

  async #letIn(joinId: JoinId, joiner: DevicePublic, name: string): Promise<void> {
    const { random, clock } = this.#ports;
    const before = await this.refreshChain();
    const entry = signAdd(before, { device: joiner, name, signer: this.device, createdMs: clock.wallMs() });
    const after = extendChain(before, entry);
    const grants = [...this.#keys].map(([generation, accountKey]) => ({
      recipient: joiner.hostId,
      generation,
      bytes: text(grantAccountKey({ accountKey, generation, chain: after, chainAgeMs: this.chain.ageMs, to: joiner, by: this.device }, random)),
    }));
    await this.coordinator.call('approveJoin', { params: { joinId }, body: { expectedLength: before.length, entry: text(entry), grants } });
    await this.refreshChain();
  }

  /** A key for a new desktop, of a new id unless told, and the same wrapped under the newest account key, for the coordinator to keep. */
  createDesktopKey(desktopId = newId<DesktopId>(this.#ports.random)): { desktopId: DesktopId; wrapped: WrappedKey } {
    const generation = this.chain.state.generation;
    return { desktopId, wrapped: this.wrapKey(desktopId, generation, newDesktopKey(this.#ports.random)) };
  }

  /** For what stays on this machine: a key under the newest account key that is in hand, be there a newer one or not. */
  createLocalKey(): { desktopId: DesktopId; wrapped: WrappedKey } {
    const { random } = this.#ports;
    const desktopId = newId<DesktopId>(random);
    const generation = Math.max(...this.#keys.keys());
    const wrapped = wrapDesktopKey({ accountId: this.accountId, accountKey: this.#key(generation), generation, desktopId, keyGeneration: generation, desktopKey: newDesktopKey(random) }, random);
    return { desktopId, wrapped: { generation, bytes: text(wrapped) } };
  }

  /** A desktop key of `keyGeneration` under the newest account key. */
  wrapKey(desktopId: DesktopId, keyGeneration: number, desktopKey: Secret): WrappedKey {
    const generation = this.chain.state.generation;
    const wrapped = wrapDesktopKey({ accountId: this.accountId, accountKey: this.#key(generation), generation, desktopId, keyGeneration, desktopKey }, this.#ports.random);
    return { generation: keyGeneration, bytes: text(wrapped) };
  }

  /**
   * The desktop's wrapped keys with that of the account's newest generation, under which everything is written: made now if nobody has
   * made it since the last revocation. `wrapped`: as the coordinator gave them, after `refreshChain`.
   */
  async withNewestKey(desktopId: DesktopId, wrapped: readonly WrappedKey[]): Promise<readonly WrappedKey[]> {
    const newest = this.chain.state.generation;
    const has = (keys: readonly WrappedKey[]): boolean => keys.some(({ generation }) => generation === newest);
    if (has(wrapped)) return wrapped;
    const made = this.wrapKey(desktopId, newest, newDesktopKey(this.#ports.random));
    try {
      await this.coordinator.call('keepDesktopKey', { params: { desktopId }, body: { wrappedKey: made, replaces: null } });
      return [...wrapped, made];
    } catch (error) {
      if (!(error instanceof Fault && error.code === 'WRAPPED_KEY_EXISTS')) throw error;
    }
    const { wrappedKeys } = await this.coordinator.call('readDesktop', { params: { desktopId } });
    if (!has(wrappedKeys)) throw new Fault('GRANT_INVALID', { expected: `a desktop key of generation ${newest}` });
    return wrappedKeys;
  }

  /** The desktop key of each generation. Throws GRANT_INVALID for a key that does not open. */
  openDesktopKeys(desktopId: DesktopId, wrapped: readonly WrappedKey[]): Map<number, Secret> {
    return new Map(wrapped.map(({ generation, bytes }) => [generation, this.#unwrap(desktopId, generation, bytesOf(bytes))]));
  }

  /** The account key that it is wrapped under may be newer than the desktop key itself: it was wrapped again then. */
  #unwrap(desktopId: DesktopId, keyGeneration: number, wrapped: Buffer): Secret {
    const { generation } = wrappedGenerations(wrapped);
    return unwrapDesktopKey({ accountId: this.accountId, accountKey: this.#key(generation), generation, desktopId, keyGeneration }, wrapped);
  }

  #key(generation: number): Secret {
    const key = this.#keys.get(generation);
    if (key === undefined) throw new Fault('GRANT_INVALID', { expected: `the account key of generation ${generation}` });
    return key;
  }
}

/**
 * The account keys of the grants that open, of the generations that are `wanted`. One that does not is left out: its signer may have been
 * revoked since. Throws CHAIN_ROLLED_BACK and CHAIN_FORKED: a device that is trusted has seen another chain.
 */
export function openGrants(grants: readonly Grant[], device: DeviceSecrets, chain: ChainState, wanted: (generation: number) => boolean = () => true): Map<number, Secret> {
  const keys = new Map<number, Secret>();
  for (const { generation, bytes } of grants) {
    if (!wanted(generation)) continue;
    try {
      keys.set(generation, openGrant(bytesOf(bytes), { device, chain, generation }).accountKey);
    } catch (error) {
      if (!(error instanceof Fault && error.code === 'GRANT_INVALID')) throw error;
    }
  }
  return keys;
}
