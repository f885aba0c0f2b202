import { Fault, newId, type AccountId, type Clock, type DesktopId, type Log, type Random } from '@godwit/base';
import {
  createDevice, createRecovery, deviceFromPublic, extendChain, fingerprint, grantAccountKey, joinCode, matchesJoinCode, newAccountKey, newDesktopKey, openGrant, recoveryFromWords,
  replayChain, signAdd, signGenesis, unwrapDesktopKey, wrapDesktopKey, wrappedGenerations, type ChainState, type DeviceSecrets, type Secret,
} from '@godwit/crypto';
import { bytesOf, type ControlProgress, type JoinState, type WrappedKey } from '@godwit/wire';
import type { Home } from '../home.ts';
import { loadAccountKeys, loadDevice, saveAccountKeys, saveDevice, type AccountKeys } from './account-keys.ts';
import { ChainMemory } from './chain-memory.ts';
import { Coordinator, learnAudience } from './coordinator.ts';
import { loadSettings, saveSettings, type Settings } from './settings.ts';

export interface AccountPorts {
  readonly home: Home;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Log;
}

const joinPollMs = 500;
/** The coordinator forgets a join after ten minutes. */
const joinWaitMs = 10 * 60_000;
const text = (bytes: Uint8Array): string => Buffer.from(bytes).toString('base64url');

/** This host's membership in an account: its device keys, the chain as it knows it, the account keys, and the coordinator. */
export class Account {
  readonly settings: Settings;
  readonly device: DeviceSecrets;
  readonly chain: ChainMemory;
  readonly coordinator: Coordinator;
  readonly #ports: AccountPorts;
  #keys: AccountKeys;

  private constructor(ports: AccountPorts, settings: Settings, device: DeviceSecrets, chain: ChainMemory, keys: AccountKeys) {
    this.#ports = ports;
    this.settings = settings;
    this.device = device;
    this.chain = chain;
    this.#keys = keys;
    this.coordinator = new Coordinator({ url: settings.coordinator, audience: settings.audience, device, clock: ports.clock, random: ports.random });
  }

  /** Undefined where this host was never enrolled. */
  static load(ports: AccountPorts): Account | undefined {
    const settings = loadSettings(ports.home);
    if (settings === undefined) return undefined;
    return new Account(ports, settings, loadDevice(ports.home), ChainMemory.load(ports.home.chainFile, ports.clock), loadAccountKeys(ports.home));
  }

  /** A new account with this host as its first device. The recovery words exist only in the return value. */
  static async create(ports: AccountPorts, wish: { coordinator: string; hostName: string }): Promise<{ account: Account; recoveryWords: string[] }> {
    const { random, clock } = ports;
    const audience = await learnAudience(wish.coordinator);
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
    const account = await Account.#enrol(ports, { version: 1, ...wish, audience, accountId: state.accountId }, device, [genesis], new Map([[1, accountKey]]));
    return { account, recoveryWords: words };
  }

  /** Asks to join and waits for the approval of a device of the account, showing the code that its person has to type there. */
  static async join(ports: AccountPorts, wish: { coordinator: string; hostName: string }, report: (progress: ControlProgress) => void): Promise<Account> {
    const { random, clock } = ports;
    const audience = await learnAudience(wish.coordinator);
    const device = createDevice(random);
    const coordinator = new Coordinator({ url: wish.coordinator, audience, device, clock, random });
    const { joinId } = await coordinator.call('createJoin', { body: { signPublic: text(device.signPublic), boxPublic: text(device.boxPublic), name: wish.hostName } });
    const code = joinCode(device);
    const startedMs = clock.workMs();
    const say = `On a host of your account, type: godwit approve ${code}`;
    for (;;) {
      const elapsedMs = clock.workMs() - startedMs;
      report({ phase: 'waiting', doneBytes: 0, totalBytes: null, elapsedMs, say });
      const state = await coordinator.call('readJoin', { params: { joinId } });
      if (state.state === 'refused') throw new Fault('JOIN_REFUSED');
      if (state.state === 'approved') return Account.#approved(ports, { ...wish, audience }, device, state);
      if (elapsedMs > joinWaitMs) throw new Fault('JOIN_EXPIRED');
      await new Promise((resolve) => setTimeout(resolve, joinPollMs));
    }
  }

  static async #approved(ports: AccountPorts, place: { coordinator: string; audience: string; hostName: string }, device: DeviceSecrets, answer: Extract<JoinState, { state: 'approved' }>): Promise<Account> {
    const entries = answer.entries.map((entry) => Buffer.from(entry, 'base64url'));
    const chain = replayChain(entries);
    const keys = new Map<number, Secret>();
    for (const { generation, bytes } of answer.grants) keys.set(generation, openGrant(Buffer.from(bytes, 'base64url'), { device, chain, generation }).accountKey);
    if (!keys.has(chain.generation)) throw new Fault('GRANT_INVALID', { expected: `the account key of generation ${chain.generation}` });
    return Account.#enrol(ports, { version: 1, ...place, accountId: chain.accountId }, device, entries, keys);
  }

  /** The settings are written last: they are what makes the host enrolled at the next start. */
  static async #enrol(ports: AccountPorts, settings: Settings, device: DeviceSecrets, entries: readonly Buffer[], keys: AccountKeys): Promise<Account> {
    await saveDevice(ports.home, device);
    await saveAccountKeys(ports.home, keys);
    const chain = await ChainMemory.begin(ports.home.chainFile, ports.clock, entries);
    await saveSettings(ports.home, settings);
    return new Account(ports, settings, device, chain, keys);
  }

  get accountId(): AccountId {
    return this.settings.accountId;
  }

  get fingerprint(): string {
    return fingerprint(this.chain.state.genesisHash);
  }

  /** The newest chain. Throws what its checks throw, and COORDINATOR_UNREACHABLE. */
  refreshChain(): Promise<ChainState> {
    return this.chain.refresh(this.coordinator);
  }

  /** Lets in the machine that shows `code`. The code is a hash of its keys, so the coordinator cannot slip in others: JOIN_CODE_WRONG. */
  async approve(code: string): Promise<{ hostId: string; hostName: string; fingerprint: string }> {
    const { random, clock } = this.#ports;
    const found = await this.coordinator.call('findJoin', { query: { code } });
    const joiner = deviceFromPublic(bytesOf(found.signPublic), bytesOf(found.boxPublic));
    if (!matchesJoinCode(code, joiner)) throw new Fault('JOIN_CODE_WRONG', { found: found.name });
    const before = await this.refreshChain();
    const entry = signAdd(before, { device: joiner, name: found.name, signer: this.device, createdMs: clock.wallMs() });
    const after = extendChain(before, entry);
    const grants = [...this.#keys].map(([generation, accountKey]) => ({
      recipient: joiner.hostId,
      generation,
      bytes: text(grantAccountKey({ accountKey, generation, chain: after, chainAgeMs: this.chain.ageMs, to: joiner, by: this.device }, random)),
    }));
    await this.coordinator.call('approveJoin', { params: { joinId: found.joinId }, body: { expectedLength: before.length, entry: text(entry), grants } });
    await this.refreshChain();
    return { hostId: joiner.hostId, hostName: found.name, fingerprint: this.fingerprint };
  }

  /** A key for a new desktop, and the same wrapped under the newest account key, for the coordinator to keep. */
  createDesktopKey(): { desktopId: DesktopId; wrapped: WrappedKey } {
    const { random } = this.#ports;
    const desktopId = newId<DesktopId>(random);
    const generation = this.chain.state.generation;
    const wrapped = wrapDesktopKey({ accountId: this.accountId, accountKey: this.#key(generation), generation, desktopId, keyGeneration: generation, desktopKey: newDesktopKey(random) }, random);
    return { desktopId, wrapped: { generation, bytes: text(wrapped) } };
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
