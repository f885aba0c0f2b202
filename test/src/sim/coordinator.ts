import type { FaultCode } from '@godwit/base';
import { judge, takeOverInMs, type LeaseEvent, type Verdict } from '@godwit/api';
import type { Agent } from './agent.ts';
import type { Answer, CallName, Calls, DesktopView, HoldingView, News, RenewedLease } from './calls.ts';
import { collect, dropOld, roundMs } from './collection.ts';
import { Program, type Computer } from './computer.ts';
import { Database, type DesktopRow } from './database.ts';
import type { Host } from './host.ts';
import type { World } from './world.ts';

const skewMs = 300_000;
const urlMs = 60_000;
const pingMs = 15_000;
const reachMs = 30_000;

interface Stream {
  readonly agent: Agent;
  pongMs: number;
}

type Handlers = { readonly [Name in CallName]: (host: Host, body: Calls[Name]['body']) => Answer<Calls[Name]['answer']> };

const ok = <Value>(value: Value): Answer<Value> => ({ kind: 'ok', value });
const refused = (code: FaultCode): { readonly kind: 'refused'; readonly code: FaultCode } => ({ kind: 'refused', code });
const allows = (verdict: Verdict): verdict is 'apply' | 'again' => verdict === 'apply' || verdict === 'again';

/** The coordinator: the real table of leases over a database that survives it, with all else that it knows lost when it ends. */
export class Coordinator {
  readonly computer: Computer;
  readonly database: Database;
  program: Program | undefined;
  /** Its database answers late. */
  slow = false;
  /** It ends after its next transaction, before anybody is answered. */
  endsAfterNext = false;
  readonly #world: World;
  #startedMs = 0;
  /** The last accepted renewal of each strict lease. */
  #renewed = new Map<string, { readonly epoch: number; readonly atMs: number }>();
  #streams = new Map<Host, Stream>();
  readonly #handlers: Handlers;

  constructor(world: World, computer: Computer) {
    this.#world = world;
    this.computer = computer;
    this.database = new Database(() => computer.wallMs());
    this.#handlers = this.#routes();
  }

  get alive(): boolean {
    return this.program?.alive === true;
  }

  start(): void {
    const program = new Program(this.computer, 'coordinator');
    this.program = program;
    this.#startedMs = this.computer.bootMs();
    this.#renewed = new Map();
    this.#streams = new Map();
    const every = (periodMs: number, act: () => void): void => void program.after(periodMs, () => {
      act();
      every(periodMs, act);
    });
    every(pingMs, () => this.#ping());
    every(roundMs, () => collect(this.#world, this));
  }

  kill(): void {
    this.#world.tell('coordinator', () => 'is killed');
    this.program?.kill();
  }

  /** A request arrived. `reply` is called when it is answered; never, if the coordinator ends before. */
  receive<Name extends CallName>(host: Host, name: Name, body: Calls[Name]['body'], stamp: { readonly nonce: number; readonly wallMs: number }, reply: (answer: Answer<Calls[Name]['answer']>) => void): void {
    const { program } = this;
    if (program?.alive !== true) {
      reply({ kind: 'unreachable' });
      return;
    }
    const { dice } = this.#world;
    const workMs = this.slow ? dice.spread(50, 25_000) : dice.between(1, 15);
    program.deliver(() => program.after(workMs, () => {
      const answer = this.#authenticate(host, stamp) ?? this.#handlers[name](host, body);
      this.#world.tell('coordinator', () => `${name} of ${host.name} ${JSON.stringify(body, shorten)}: ${answer.kind === 'refused' ? answer.code : answer.kind}`);
      if (this.endsAfterNext) {
        this.endsAfterNext = false;
        this.kill();
      } else reply(answer);
    }));
  }

  /** A host opens its event stream. False: refused. */
  listen(agent: Agent): boolean {
    if (!this.alive || this.database.revoked.has(agent.host.id)) return false;
    this.#streams.set(agent.host, { agent, pongMs: this.computer.bootMs() });
    return true;
  }

  inReach(row: DesktopRow): boolean {
    const stream = [...this.#streams].find(([host]) => host.id === row.holder)?.[1];
    return stream !== undefined && this.computer.bootMs() - stream.pongMs <= reachMs;
  }

  renewedMs(row: DesktopRow): number {
    if (this.#world.broken === 'no-re-arm-after-restart' && !this.#renewed.has(row.name)) return -Infinity;
    const renewed = this.#renewed.get(row.name);
    return renewed?.epoch === row.epoch ? renewed.atMs : this.#startedMs;
  }

  #ping(): void {
    for (const [host, stream] of this.#streams) {
      if (this.#world.network.isGood(host.computer, 'coordinator') && stream.agent.running) {
        stream.pongMs = this.computer.bootMs();
        stream.agent.pinged();
      } else if (!stream.agent.alive || this.computer.bootMs() - stream.pongMs > 3 * pingMs) this.#streams.delete(host);
    }
  }

  #publish(news: News): void {
    for (const [host, { agent }] of this.#streams) this.#world.network.send(host.computer, 'coordinator', 'back', () => agent.deliver(() => agent.news(news)));
  }

  #changed(row: DesktopRow): void {
    this.#publish({ type: 'desktop-changed', desktop: row.name, owner: row.held ? row.holder : null, epoch: row.epoch });
  }

  #authenticate(host: Host, { nonce, wallMs }: { readonly nonce: number; readonly wallMs: number }): Answer<never> | undefined {
    const { nonces, revoked } = this.database;
    if (Math.abs(wallMs - this.computer.wallMs()) > skewMs) return refused('REQUEST_TIME_SKEWED');
    if (nonces.has(nonce)) return refused('REQUEST_REPLAYED');
    nonces.add(nonce);
    return revoked.has(host.id) ? refused('HOST_REVOKED') : undefined;
  }

  #judge(row: DesktopRow, event: LeaseEvent): Verdict {
    const lease = this.database.lease(row, this.renewedMs(row));
    const { broken } = this.#world;
    if (broken === 'take-over-ignores-the-term' && event.type === 'take-over') return judge({ ...lease, strict: false }, event, this.computer.bootMs());
    if (broken === 'commit-not-fenced' && event.type === 'commit') return judge({ ...lease, holder: event.host, held: true }, { ...event, epoch: lease.epoch }, 0);
    return judge(lease, event, this.computer.bootMs());
  }

  /** Whoever says a lease is good says so from now on. */
  #renew(row: DesktopRow): void {
    if (row.strict) this.#renewed.set(row.name, { epoch: row.epoch, atMs: this.computer.bootMs() });
  }

  #routes(): Handlers {
    const { database } = this;
    const withRow = <Body extends { desktop: string }, Value>(work: (host: Host, body: Body, row: DesktopRow) => Answer<Value>) => (host: Host, body: Body): Answer<Value> => {
      const row = database.desktops.get(body.desktop);
      return row === undefined ? refused('DESKTOP_NOT_FOUND') : work(host, body, row);
    };
    return {
      readDesktop: withRow((_host, _body, row) => ok(viewOf(row))),
      readHolding: withRow((_host, _body, row) => ok(this.#holdingOf(row))),
      askDeparture: withRow((_host, { epoch }, row) => {
        if (!row.held || row.epoch !== epoch) return refused('EPOCH_FENCED');
        this.#publish({ type: 'departure-asked', desktop: row.name, epoch });
        return ok(this.#holdingOf(row));
      }),
      createDesktop: (host, { desktop }) => this.#create(host, desktop),
      acquire: withRow((host, { expectedHead }, row) => this.#own(host, row, { type: 'acquire', host: host.id, expectedHead }, 'acquired')),
      takeOver: withRow((host, { epoch, expectedHead }, row) => this.#own(host, row, { type: 'take-over', host: host.id, epoch, expectedHead }, 'taken-over')),
      release: withRow((host, { epoch }, row) => {
        const verdict = this.#judge(row, { type: 'release', host: host.id, epoch });
        if (!allows(verdict)) return refused(verdict);
        if (verdict === 'apply') this.#drop(host, row);
        return ok(undefined);
      }),
      renew: (host, { leases }) => ok(leases.map(({ desktop, epoch }) => this.#renewOne(host, desktop, epoch))),
      mint: withRow((host, { epoch, packs }, row) => {
        const verdict = this.#world.broken === 'write-not-fenced' ? 'apply' : this.#judge(row, { type: 'write', host: host.id, epoch });
        if (allows(verdict)) this.#world.watch.minting(row, host.id, epoch);
        return allows(verdict) ? ok(packs.map((pack) => ({ pack, expiresMs: this.#world.nowMs + urlMs }))) : refused(verdict);
      }),
      commit: (host, body) => this.#commit(host, body),
      receipt: (_host, { commitId }) => ok(database.log.some((leaf) => leaf.commitId === commitId)),
      savePolicy: withRow((host, policy, row) => this.#savePolicy(host, policy, row)),
      prune: withRow((host, { desktop, keep }, row) => {
        row.retention = keep;
        dropOld(this, desktop, keep);
        database.append('dropped', host.id, desktop, row.epoch);
        return ok(undefined);
      }),
      revoke: (host, body) => this.#revoke(host, body.host),
    };
  }

  #holdingOf(row: DesktopRow): HoldingView {
    const inMs = takeOverInMs(database(this).lease(row, this.renewedMs(row)), this.computer.bootMs());
    return { epoch: row.epoch, holder: row.held ? row.holder : null, inReach: row.held && this.inReach(row), takeOverInMs: Math.ceil(Math.max(0, inMs)), head: row.head };
  }

  #create(host: Host, name: string): Answer<undefined> {
    const { database: db } = this;
    const row = db.desktops.get(name);
    if (row !== undefined) return row.createdBy === host.id && row.epoch === 1 ? ok(undefined) : refused('DESKTOP_NAME_TAKEN');
    db.desktops.set(name, { name, createdBy: host.id, holder: host.id, held: true, epoch: 1, strict: false, policy: { strict: false, stamp: 0 }, head: null, retention: Infinity });
    db.append('created', host.id, name, 1);
    this.#world.watch.owned(name, 1, host.id, 'created');
    return ok(undefined);
  }

  /** Acquisition and take-over: the next epoch, or the same again. Either way the term begins. */
  #own(host: Host, row: DesktopRow, event: LeaseEvent, kind: 'acquired' | 'taken-over'): Answer<Calls['acquire']['answer']> {
    const verdict = this.#judge(row, event);
    if (!allows(verdict)) return refused(verdict);
    if (verdict === 'apply') {
      const before = { strict: row.held && row.strict };
      Object.assign(row, { holder: host.id, held: true, epoch: row.epoch + 1, strict: row.policy.strict });
      this.database.append(kind, host.id, row.name, row.epoch);
      this.#world.watch.owned(row.name, row.epoch, host.id, kind, before);
      this.#changed(row);
    }
    this.#renew(row);
    return ok({ epoch: row.epoch, head: row.head, strict: row.strict, policyStamp: row.policy.stamp });
  }

  #renewOne(host: Host, desktop: string, epoch: number): RenewedLease {
    const row = this.database.desktops.get(desktop);
    if (row === undefined) return { desktop, state: 'unknown', strict: false };
    const verdict = this.#judge(row, { type: 'renew', host: host.id, epoch });
    const { strict } = row;
    if (verdict === 'apply') {
      this.#renew(row);
      return { desktop, state: 'current', strict };
    }
    return { desktop, state: row.epoch === epoch && row.holder === host.id ? 'released' : 'superseded', strict };
  }

  #savePolicy(host: Host, { strict, stamp }: Calls['savePolicy']['body'], row: DesktopRow): Answer<undefined> {
    const verdict = this.#judge(row, { type: 'policy', host: host.id });
    if (!allows(verdict)) return refused(verdict);
    if (stamp < row.policy.stamp) return refused('POLICY_OUTDATED');
    row.policy = { strict, stamp };
    this.database.append('policy', host.id, row.name, row.epoch);
    if (!row.held) return ok(undefined);
    row.strict = strict;
    this.#renew(row);
    return ok(undefined);
  }

  #drop(host: Host, row: DesktopRow): void {
    row.held = false;
    this.database.append('released', host.id, row.name, row.epoch);
    this.#world.watch.released(row.name, row.epoch, 'holder');
    this.#changed(row);
  }

  #commit(host: Host, { checkpoint, release }: Calls['commit']['body']): Answer<undefined> {
    const { database: db } = this;
    const { broken, watch } = this.#world;
    const row = db.desktops.get(checkpoint.desktop);
    if (row === undefined) return refused('DESKTOP_NOT_FOUND');
    if (broken !== 'commit-not-idempotent' && db.commits.has(checkpoint.commitId)) return ok(undefined);
    const verdict = this.#judge(row, { type: 'commit', host: host.id, epoch: checkpoint.epoch, parent: checkpoint.parent?.commitId ?? null, sequence: checkpoint.sequence });
    if (!allows(verdict)) return refused(verdict);
    const missing = checkpoint.packs.some(({ key }) => db.objects.get(key)?.deleting !== false);
    if (missing && broken !== 'collects-what-may-be-committed') return refused('COMMIT_PACK_MISSING');
    for (const { key } of checkpoint.packs) {
      const object = db.objects.get(key);
      if (object !== undefined) Object.assign(object, { committed: true, condemnedMs: null });
    }
    watch.committing(row, checkpoint, host.id);
    db.commits.set(checkpoint.commitId, { checkpoint, release, dropped: false });
    row.head = checkpoint;
    db.append('committed', host.id, row.name, checkpoint.epoch, checkpoint.commitId);
    dropOld(this, row.name, row.retention);
    if (!release) return ok(undefined);
    if (broken === 'release-apart-from-the-commit') this.program?.after(1_000, () => this.#drop(host, row));
    else this.#drop(host, row);
    return ok(undefined);
  }

  /** What a revoked host held is free; not so what it holds strictly: its guest may run until its term is over, then the desktop is taken over. */
  #revoke(by: Host, revoked: Host['id']): Answer<undefined> {
    const { database: db } = this;
    if (db.revoked.has(revoked)) return ok(undefined);
    db.revoked.add(revoked);
    db.append('revoked', by.id, null);
    for (const host of [...this.#streams.keys()]) if (host.id === revoked) this.#streams.delete(host);
    for (const row of db.desktops.values()) {
      if (row.holder !== revoked || !row.held) continue;
      if (row.strict && this.#world.broken !== 'revocation-ends-the-term') continue;
      row.held = false;
      db.append('released', by.id, row.name, row.epoch);
      this.#world.watch.released(row.name, row.epoch, 'revocation', row.strict);
      this.#changed(row);
    }
    return ok(undefined);
  }
}

const database = (coordinator: Coordinator): Database => coordinator.database;

function viewOf({ held, holder, epoch, head, policy }: DesktopRow): DesktopView {
  return { owner: held ? holder : null, epoch, head, policy };
}

/** A story names checkpoints and packs, it does not print their past. */
function shorten(_key: string, value: unknown): unknown {
  if (typeof value !== 'object' || value === null) return value;
  if ('commitId' in value && 'state' in value) return (value as { commitId: string }).commitId;
  return 'key' in value ? (value as { key: string }).key : value;
}
