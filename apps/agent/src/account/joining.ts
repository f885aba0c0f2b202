import { arch, release, type } from 'node:os';
import { Fault, type JoinId } from '@godwit/base';
import { createDevice, fingerprint, joinCode, matchesFingerprint, replayChain, type DeviceSecrets } from '@godwit/crypto';
import { reportedSystemLimit, type ControlProgress, type JoinState } from '@godwit/wire';
import { Account, openGrants, type AccountPorts, type EnrolWish } from './account.ts';
import { Coordinator, learnAudience } from './coordinator.ts';

const pollMs = 500;
/** The coordinator forgets a join after ten minutes. */
const waitMs = 10 * 60_000;
const text = (bytes: Uint8Array): string => Buffer.from(bytes).toString('base64url');

type Approved = Extract<JoinState, { state: 'approved' }>;

/** A machine that asks to join an account. Its keys are in memory alone until a person has compared the account's fingerprint. */
export class Joining {
  readonly #ports: AccountPorts;
  readonly #place: EnrolWish & { readonly audience: string; readonly logKey: string };
  readonly #device: DeviceSecrets;
  readonly #coordinator: Coordinator;
  readonly #joinId: JoinId;
  #approved: Approved | undefined;

  private constructor(ports: AccountPorts, place: EnrolWish & { readonly audience: string; readonly logKey: string }, device: DeviceSecrets, coordinator: Coordinator, joinId: JoinId) {
    this.#ports = ports;
    this.#place = place;
    this.#device = device;
    this.#coordinator = coordinator;
    this.#joinId = joinId;
  }

  /** Asks. Throws what the coordinator says. */
  static async begin(ports: AccountPorts, wish: EnrolWish): Promise<Joining> {
    const { random, clock } = ports;
    const { audience, logKey } = await learnAudience(wish.coordinator);
    const device = createDevice(random);
    const coordinator = new Coordinator({ url: wish.coordinator, audience, device, clock, random });
    const { joinId } = await coordinator.call('createJoin', { body: { signPublic: text(device.signPublic), boxPublic: text(device.boxPublic), name: wish.hostName, system: ownSystem() } });
    return new Joining(ports, { ...wish, audience, logKey }, device, coordinator, joinId);
  }

  /** Whether it was approved already and only waits for its person, who goes on with `wish`. */
  waitsFor({ coordinator, hostName }: EnrolWish): boolean {
    return this.#approved !== undefined && this.#place.coordinator === coordinator && this.#place.hostName === hostName;
  }

  /**
   * Waits for a device of the account, showing the code that its person has to type there. Resolves with what is to be compared. Throws JOIN_REFUSED, JOIN_EXPIRED, and
   * ACCOUNT_OTHER where the account has not the fingerprint `expected`.
   */
  async approval(expected: string | null, report: (progress: ControlProgress) => void): Promise<{ accountId: string; hostId: string; fingerprint: string }> {
    this.#approved ??= await this.#poll(report);
    const { accountId, genesisHash } = replayChain(this.#entries(this.#approved));
    if (expected !== null && !matchesFingerprint(expected, genesisHash)) throw new Fault('ACCOUNT_OTHER', { expected, found: fingerprint(genesisHash) });
    return { accountId, hostId: this.#device.hostId, fingerprint: fingerprint(genesisHash) };
  }

  /** Makes this machine the host that it was approved as. After `approval`. */
  async enrol(): Promise<Account> {
    if (this.#approved === undefined) throw new Fault('INTERNAL', { found: 'a join that nobody approved' });
    const entries = this.#entries(this.#approved);
    const chain = replayChain(entries);
    const keys = openGrants(this.#approved.grants, this.#device, chain);
    if (!keys.has(chain.generation)) throw new Fault('GRANT_INVALID', { expected: `the account key of generation ${chain.generation}` });
    return Account.enrol(this.#ports, this.#place, this.#device, entries, keys);
  }

  async #poll(report: (progress: ControlProgress) => void): Promise<Approved> {
    const { clock } = this.#ports;
    const startedMs = clock.workMs();
    const say = `On a host of your account, type: godwit approve ${joinCode(this.#device, this.#place.audience)}`;
    for (;;) {
      const elapsedMs = clock.workMs() - startedMs;
      report({ phase: 'waiting', doneBytes: 0, totalBytes: null, bytesPerSecond: null, leftMs: null, elapsedMs, say });
      const state = await this.#coordinator.call('readJoin', { params: { joinId: this.#joinId } });
      if (state.state === 'refused') throw new Fault('JOIN_REFUSED');
      if (state.state === 'approved') return state;
      if (elapsedMs > waitMs) throw new Fault('JOIN_EXPIRED');
      await new Promise((resolve) => setTimeout(resolve, pollMs));
    }
  }

  #entries({ entries }: Approved): Buffer[] {
    return entries.map((entry) => Buffer.from(entry, 'base64url'));
  }
}

function ownSystem(): string {
  return `${type()} ${release()} ${arch()}`.replace(/[^\x20-\x7e]/g, '?').slice(0, reportedSystemLimit);
}
