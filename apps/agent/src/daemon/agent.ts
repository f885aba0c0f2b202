import { appendFileSync } from 'node:fs';
import { join } from 'node:path';
import { Fault, jsonLog, lockDirectory, systemClock, systemRandom, type Log } from '@godwit/base';
import { beginTraces, tracedLog } from '@godwit/base/trace';
import { cryptoReady } from '@godwit/crypto';
import type { ControlArguments, ControlResult } from '@godwit/wire';
import { Account, type AccountPorts } from '../account/account.ts';
import { forbidCoreDumps } from '../account/core-dumps.ts';
import { agentVersion, reportHost } from '../account/host-report.ts';
import { Joining } from '../account/joining.ts';
import { KeyStore } from '../account/key-store.ts';
import { recoverAccount } from '../account/recover.ts';
import { revokeHost } from '../account/revoke.ts';
import { audit } from '../audit/audit.ts';
import { answerCache } from '../cache/answer-cache.ts';
import { WarmCache } from '../cache/warm-cache.ts';
import { Activity } from '../desktop/activity.ts';
import { Desktops } from '../desktop/desktops.ts';
import type { Host } from '../desktop/host.ts';
import { fork, rollback } from '../desktop/fork.ts';
import { history, verify } from '../desktop/inspect.ts';
import { prune } from '../desktop/prune.ts';
import { rekey } from '../desktop/rekey.ts';
import { examine } from '../doctor/examine.ts';
import { Guard } from '../guard/guard.ts';
import { createHome, type Home } from '../home.ts';
import { EventStream } from '../lease/event-stream.ts';
import { LeaseHolder } from '../lease/lease-holder.ts';
import { sleepPrograms, SleepWatch } from '../lease/sleep-watch.ts';
import { probeCapabilities } from '../machine/capabilities.ts';
import type { HostCapabilities } from '../machine/fitness.ts';
import { detectPrivilege, type Privilege } from '../machine/privilege.ts';
import { isRunning } from '../machine/process-id.ts';
import { Views } from '../view/views.ts';
import { serveControl, type ControlHandlers, type Report } from './control-server.ts';
import { LidLock } from '../lid/lid-lock.ts';
import { answerArrivals } from '../move/asked.ts';
import { Notifications } from '../notify/notifications.ts';

const qemuProgram = 'qemu-system-x86_64';

/**
 * The agent of one host: answers on its control socket until it is told to end (SIGTERM, SIGINT). Desktops run on without it; the next
 * agent of this home finds them again.
 */
export async function runAgent(home: Home): Promise<void> {
  await cryptoReady();
  const privilege = detectPrivilege();
  createHome(home, privilege.kind === 'own-user');
  // For as long as this process lives: two agents of one home would each drive the same machines.
  const lock = await lockDirectory('agent', home.directory);
  if (lock === undefined) throw new Fault('AGENT_RUNS_ALREADY', { subject: home.directory });
  const endTraces = await beginTraces({ name: 'godwit-agent', version: agentVersion }, process.env);
  const log = tracedLog(jsonLog((line) => appendLine(home.logFile, line)));
  const dumps = await forbidCoreDumps();
  if (dumps !== undefined) log.warn('core-dumps-possible', { reason: dumps });
  const agent = new Agent(home, privilege, log);
  const server = await serveControl(home.controlSocket, agent.handlers, log);
  try {
    await agent.begin();
  } catch (error) {
    server.close();
    await lock.release();
    throw error;
  }
  process.stdout.write(`godwit agent: ready, ${agent.locked ? 'locked' : agent.enrolled ? `host ${agent.hostName}` : 'not enrolled yet'}, home ${home.directory}\n`);
  process.on('unhandledRejection', (error) => log.error('unhandled-rejection', { error }));
  await new Promise<void>((resolve) => {
    process.once('SIGTERM', resolve);
    process.once('SIGINT', resolve);
  });
  log.info('agent-ends', {});
  server.close();
  await endTraces();
  // At once, whatever is open or under way: what an agent leaves behind has to be sound even when it is killed.
  setImmediate(() => process.exit(0));
}

/** A log that cannot be written must not stop what it tells about: the disk is full just when something has to be rolled back. */
function appendLine(file: string, line: string): void {
  try {
    appendFileSync(file, line, { mode: 0o600 });
  } catch (error) {
    process.stderr.write(`godwit agent: ${file} cannot be written (${error instanceof Error ? error.message : 'unknown'}): ${line}`);
  }
}

/** Folders, overlays and fetched pages are written in many places; what a full disk makes of them is one fault. */
function isDiskFull(error: unknown): boolean {
  return error instanceof Error && 'code' in error && (error.code === 'ENOSPC' || error.code === 'EDQUOT');
}

class Agent {
  readonly #ports: AccountPorts;
  readonly #home: Home;
  readonly #privilege: Privilege;
  readonly #log: Log;
  readonly #activity = new Activity();
  #account: Account | undefined;
  /** A join that was approved, while its person compares the fingerprint. */
  #joining: Joining | undefined;
  /** Of a host whose keys nobody has unlocked yet. */
  #keyStore: KeyStore | undefined;
  #capabilities: Promise<HostCapabilities>;
  #desktops: Promise<Desktops> | undefined;
  /** Made once, when there is an account: what this host may run is known in one place. */
  #ownership: Pick<Host, 'leases' | 'events'> | undefined;
  #sleepWatch: SleepWatch | undefined;
  /** Made once, when there is an account: its limit is in the settings. */
  #warmCache: WarmCache | undefined;
  /** Made when somebody wants to see a screen. */
  #views: Views | undefined;
  readonly #notices: Notifications;
  readonly #lid: LidLock;
  readonly handlers: ControlHandlers;

  constructor(home: Home, privilege: Privilege, log: Log) {
    this.#home = home;
    this.#privilege = privilege;
    this.#log = log;
    this.#ports = { home, clock: systemClock, random: systemRandom, log };
    this.#notices = new Notifications({ log });
    this.#lid = new LidLock({ log });
    this.#capabilities = this.#probe();
    this.handlers = this.#handlers();
  }

  get enrolled(): boolean {
    return this.#account !== undefined;
  }

  get locked(): boolean {
    return this.#account === undefined && this.#keyStore?.locked === true;
  }

  get hostName(): string {
    return this.#account?.settings.hostName ?? '';
  }

  /** Takes up the account and the desktops that were here. */
  async begin(): Promise<void> {
    this.#keyStore = await KeyStore.open(this.#home, systemRandom);
    if (!this.#keyStore.locked) await this.#load(this.#keyStore);
  }

  async #load(keyStore: KeyStore): Promise<void> {
    this.#account = Account.load(this.#ports, keyStore);
    if (this.#account !== undefined) await this.#open(this.#account);
  }

  #probe(): Promise<HostCapabilities> {
    const probing = probeCapabilities({ program: qemuProgram, privilege: this.#privilege, scratchDirectory: join(this.#home.directory, 'probe'), log: this.#log });
    probing.catch((error: unknown) => this.#log.warn('probe-failed', { error })); // Told to whoever needs the answer; tried again then.
    return probing;
  }

  /** What QEMU offers; a failed probe is repeated, so that installing QEMU mends a running agent. */
  async #capable(): Promise<HostCapabilities> {
    try {
      return await this.#capabilities;
    } catch {
      this.#capabilities = this.#probe(); // Its own fault is the answer.
      return this.#capabilities;
    }
  }

  #member(): Account {
    if (this.locked) throw new Fault('LOCKED');
    if (this.#account === undefined) throw new Fault('NOT_ENROLLED');
    return this.#account;
  }

  async #host(): Promise<Host> {
    const account = this.#member();
    this.#ownership ??= this.#ownershipOf(account);
    return { home: this.#home, account, cache: this.#cacheOf(account), ...this.#ownership, activity: this.#activity, notices: this.#notices, lid: this.#lid, privilege: this.#privilege, capabilities: await this.#capable(), clock: systemClock, random: systemRandom, log: this.#log };
  }

  #cacheOf({ settings: { cacheLimitBytes } }: Account): WarmCache {
    const limit = cacheLimitBytes === undefined ? {} : { limitBytes: cacheLimitBytes };
    return (this.#warmCache ??= new WarmCache({ directory: this.#home.cacheDirectory, clock: systemClock, log: this.#log, ...limit }));
  }

  #ownershipOf({ coordinator }: Account): Pick<Host, 'leases' | 'events'> {
    const ports = { coordinator, clock: systemClock, random: systemRandom, log: this.#log };
    const leases = new LeaseHolder({ ...ports, guardOf: async ({ home, record }) => (record.machine === null || !isRunning(record.machine) ? undefined : Guard.start({ home, machineProcess: record.machine, clock: systemClock })) });
    this.#sleepWatch = new SleepWatch({ programs: sleepPrograms, log: this.#log, onSleep: () => leases.sleep(), onWake: () => leases.woke() });
    return { leases, events: new EventStream({ ...ports, onRevoked: () => leases.reconnected() }) };
  }

  /** Desktops need QEMU; what needs none of it (hosts, history) works without. */
  #here(): Promise<Desktops> {
    this.#member();
    this.#desktops ??= (async () => {
      const desktops = new Desktops(await this.#host());
      await desktops.recover();
      desktops.begin();
      this.#sleepWatch?.begin();
      return desktops;
    })();
    this.#desktops.catch(() => (this.#desktops = undefined)); // The caller is told; the next call tries again.
    return this.#desktops;
  }

  async #open(account: Account): Promise<void> {
    await cryptoReady();
    try {
      await this.#here();
      await reportHost(account, await this.#capable(), this.#home);
    } catch (error) {
      this.#log.warn('not-ready-yet', { error });
    }
  }

  #assertFree(): void {
    if (this.locked) throw new Fault('LOCKED');
    if (this.#account !== undefined) throw new Fault('ENROLLED_ALREADY', { found: `host ${this.hostName}` });
  }

  async #join(wish: ControlArguments<'join'>, report: Report): Promise<ControlResult<'join'>> {
    this.#assertFree();
    const waiting = wish.confirmed && this.#joining?.waitsFor(wish) === true ? this.#joining : undefined;
    const joining = waiting ?? (await Joining.begin(this.#ports, wish));
    this.#joining = undefined;
    const approved = await joining.approval(wish.account, report);
    if (!wish.confirmed) {
      this.#joining = joining;
      return { ...approved, hostName: wish.hostName, coordinator: wish.coordinator, done: false };
    }
    return this.#enrol(async () => {
      const account = await joining.enrol();
      return { account, result: { ...summary(account), done: true } };
    });
  }

  async #enrol<Result>(work: () => Promise<{ account: Account; result: Result }>): Promise<Result> {
    this.#assertFree();
    const { account, result } = await work();
    this.#account = account;
    await this.#open(account);
    return result;
  }

  #handlers(): ControlHandlers {
    const here = async <Result>(work: (desktops: Desktops) => Promise<Result>): Promise<Result> => {
      const desktops = await this.#here();
      try {
        return await work(desktops);
      } catch (error) {
        throw isDiskFull(error) ? new Fault('DISK_FULL', { subject: this.#home.directory, cause: error }) : error;
      }
    };
    return {
      init: (wish) =>
        this.#enrol(async () => {
          const { account, recoveryWords } = await Account.create(this.#ports, wish);
          return { account, result: { ...summary(account), recoveryWords } };
        }),
      join: (wish, report) => this.#join(wish, report),
      recover: (wish) =>
        this.#enrol(async () => {
          const account = await recoverAccount(this.#ports, wish);
          const others = [...account.chain.state.devices.values()].filter(({ device, revokedAt }) => revokedAt === undefined && device.hostId !== account.device.hostId);
          return { account, result: { ...summary(account), others: others.map(({ name }) => name) } };
        }),
      unlock: async ({ passphrase }) => {
        const keyStore = this.#keyStore;
        if (keyStore === undefined || !this.locked) throw new Fault('PASSPHRASE_UNUSED', { found: 'a host that is not locked' });
        await keyStore.unlock(passphrase);
        if (this.#account === undefined) await this.#load(keyStore);
        return { hostName: this.#member().settings.hostName };
      },
      revoke: (wish) => revokeHost(this.#member(), wish, this.#ports),
      rekey: async (wish, report) => rekey(await this.#host(), wish, report),
      approve: async (wish) => await this.#member().approve(wish),
      hosts: async () => ({ hosts: await this.#hosts() }),
      create: (wish) => here((desktops) => desktops.create(wish)),
      start: (wish) => here((desktops) => desktops.start(wish)),
      stop: (wish) => here((desktops) => desktops.stop(wish)),
      discard: (wish) => here((desktops) => desktops.discard(wish)),
      suspend: (wish, report, signal) => here((desktops) => desktops.suspend(wish, report, signal)),
      checkpoint: (wish, report, signal) => here((desktops) => desktops.checkpoint(wish, report, signal)),
      protect: (wish) => here((desktops) => desktops.protect(wish)),
      resume: (wish, report, signal) => here((desktops) => desktops.resume(wish, report, signal)),
      move: (wish, report, signal) => here((desktops) => desktops.move(wish, report, signal)),
      arrivals: (wish) => answerArrivals(this.#home, this.#member(), wish),
      takeover: (wish, report, signal) => here((desktops) => desktops.takeOver(wish, report, signal)),
      policy: (wish) => here((desktops) => desktops.policy(wish)),
      status: async ({ name }) => {
        const { settings } = this.#member();
        return { hostName: settings.hostName, coordinator: settings.coordinator, ...(await here((desktops) => desktops.status(name))) };
      },
      view: ({ name, page }) => here(async (desktops) => ({ name, screenSocket: await desktops.screen(name), ...(page ? await this.#viewsHere().open(name) : { url: null, file: null }) })),
      console: ({ name, lines }) => here(async (desktops) => ({ name, lines: await desktops.console(name, lines) })),
      history: ({ name }) => history(this.#member(), name),
      fork: async (wish) => fork(await this.#host(), wish),
      rollback: async (wish) => rollback(await this.#host(), wish),
      prune: async (wish, report) => prune(await this.#host(), wish, report),
      audit: () => audit(this.#member(), this.#home),
      verify: async (wish) => verify(await this.#host(), wish),
      cache: async (wish) => answerCache(this.#home, this.#member(), this.#cacheOf(this.#member()), wish),
      doctor: ({ fix }) => this.#examine(fix === true),
    };
  }

  #viewsHere(): Views {
    return (this.#views ??= new Views({ directory: this.#home.directory, activity: this.#activity, desktops: () => this.#here(), clock: systemClock, random: systemRandom, log: this.#log }));
  }

  #examine(fix: boolean): Promise<ControlResult<'doctor'>> {
    return examine({
      home: this.#home,
      account: this.#account,
      locked: this.locked,
      privilege: this.#privilege,
      capabilities: () => this.#capable(),
      sleepRefusal: () => this.#sleepWatch?.refusal,
      noticeRefusal: () => this.#notices.refusal(),
      cache: () => this.#cacheOf(this.#member()),
      host: () => this.#host(),
      clock: systemClock,
      fix,
    });
  }

  async #hosts(): Promise<ControlResult<'hosts'>['hosts']> {
    const account = this.#member();
    const chain = await account.refreshChain();
    const { hosts } = await account.coordinator.call('listHosts', {});
    const contacts = new Map(hosts.map(({ hostId, lastContactMs }) => [hostId, lastContactMs]));
    // The chain says who belongs to the account; the coordinator only when it last heard of them.
    return [...chain.devices.values()].map(({ device, name, revokedAt }) => ({ hostId: device.hostId, name, self: device.hostId === account.device.hostId, revoked: revokedAt !== undefined, lastContactMs: contacts.get(device.hostId) ?? null }));
  }
}

function summary(account: Account): Omit<ControlResult<'join'>, 'done'> {
  return { accountId: account.accountId, hostId: account.device.hostId, hostName: account.settings.hostName, coordinator: account.settings.coordinator, fingerprint: account.fingerprint };
}
