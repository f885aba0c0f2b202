import { systemRandom, type DesktopId } from '@godwit/base';
import { addHost, commitOf, createDesktop, enrol, uploadPack, type Draft, type Front, type TestClient, type UploadedPack } from '@godwit/api/testing';
import type { BodyOf, Routes } from '@godwit/wire';
import { BenchHost, type Place } from './bench-host.ts';

/** Of a pack: requests are what is measured here, not the bucket. */
const packBytes = 1_000;
type MoveReport = BodyOf<Routes['reportMove']>;

interface End {
  /** For what needs the audit log's head, and for packs. */
  readonly client: TestClient;
  /** For all else: it costs the bench less. */
  readonly host: BenchHost;
}

/**
 * A desktop that goes to and fro between the two hosts of its account, with the requests that two real agents make of coordinators and bucket
 * when it is asked for with `godwit move` and comes to a host that knows it; of its 20 ranged GETs there is none, since they go to the bucket alone.
 */
export class MovingDesktop {
  readonly ends: readonly [End, End];
  readonly #desktopId: DesktopId;
  readonly #url: string;
  #epoch = 1;
  #sequence = 0;
  #parent: Draft['parent'];
  #under: Promise<void> = Promise.resolve();

  private constructor(ends: readonly [End, End], desktopId: DesktopId, url: string) {
    [this.ends, this.#desktopId, this.#url] = [ends, desktopId, url];
  }

  static async enrol(front: Front, place: Place): Promise<MovingDesktop> {
    const person = await enrol(front);
    const second = await addHost(person, front, 'laptop-b');
    const desktopId = await createDesktop(person.client);
    const end = (client: TestClient): End => ({ client, host: new BenchHost(place, client.device, desktopId) });
    return new MovingDesktop([end(person.client), end(second)], desktopId, front.url);
  }

  /** The same desktop, asked for elsewhere. */
  at(front: Front): MovingDesktop {
    const [a, b] = this.ends;
    const there = ({ client, host }: End): End => ({ client: client.at(front), host });
    return new MovingDesktop([there(a), there(b)], this.#desktopId, front.url);
  }

  /** One after the other. */
  move(): Promise<void> {
    return this.#next(() => this.#move());
  }

  /** A checkpoint while it runs, at the host that holds it. */
  checkpoint(): Promise<void> {
    return this.#next(async () => {
      const [at] = this.#order();
      await this.#told(at, 'checkpoint', 'running');
      await this.#commit(at, false);
      await this.#receipt(at, 'checkpoint-committed', this.#sequence);
      await this.#told(at, 'checkpoint', 'done');
    });
  }

  #next(work: () => Promise<void>): Promise<void> {
    const done = this.#under.then(work);
    this.#under = done.catch(() => undefined); // Whoever asked for it hears of it.
    return done;
  }

  #order(): readonly [End, End] {
    const [a, b] = this.ends;
    return this.#epoch % 2 === 1 ? [a, b] : [b, a];
  }

  async #move(): Promise<void> {
    const [from, to] = this.#order();
    const params = { desktopId: this.#desktopId };
    const look = (): Promise<unknown> => to.host.call('readDesktop', { params });
    const chain = ({ host }: End): Promise<unknown> => host.call('readChain', { query: {} });
    const manifest = (): Promise<unknown> => to.host.call('readManifest', { params: { ...params, sequence: String(this.#sequence) } });
    await to.host.call('listDesktops', {});
    await to.host.call('readHolding', { params });
    await chain(to);
    if (this.#parent !== undefined) await manifest();
    await to.host.call('askDeparture', { params, body: { epoch: this.#epoch } });
    await from.host.call('listDesktops', {});
    await from.host.call('renewLeases', { body: { leases: [{ ...params, epoch: this.#epoch }] } });
    await this.#told(from, 'suspend', 'running');
    for (let told = 0; told < 7; told += 1) {
      await from.host.call('tellDeparture', { params, body: { epoch: this.#epoch, state: 'departing', phase: 'capture', doneBytes: told, totalBytes: null, found: null } });
      if (told % 2 === 0) await look();
    }
    await chain(from);
    const key = await this.#commit(from, true);
    await this.#receipt(from, 'checkpoint-committed', this.#sequence);
    await this.#told(from, 'suspend', 'done');
    await to.host.call('acquireDesktop', { params, body: { expectedHeadDigest: this.#parent!.digest } });
    this.#epoch += 1;
    await this.#receipt(to, 'desktop-acquired', this.#epoch);
    await chain(to);
    await manifest();
    await chain(to);
    await this.#told(to, 'resume', 'running');
    await to.host.call('mintUrls', { params, body: { operation: 'get', objects: [{ key }] } });
    await this.#receipt(to, 'desktop-acquired', this.#epoch);
    await this.#told(to, 'resume', 'done');
  }

  /** A key of what was put. */
  async #commit({ client }: End, release: boolean): Promise<string> {
    const [desktopId, epoch, sequence, parent] = [this.#desktopId, this.#epoch, this.#sequence + 1, this.#parent];
    const packs: UploadedPack[] = [];
    while (packs.length < 2) packs.push(await uploadPack(client, { url: this.#url }, desktopId, epoch, packBytes));
    await client.look();
    const body = commitOf(client, { desktopId, epoch, sequence, packs, release, ...(parent === undefined ? {} : { parent }) });
    const { digest } = await client.ask('commitCheckpoint', { params: { desktopId }, body });
    [this.#parent, this.#sequence] = [{ digest, commitId: body.commitId, epoch, sequence }, sequence];
    return packs[0]!.key;
  }

  #receipt({ host }: End, kind: 'checkpoint-committed' | 'desktop-acquired', number: number): Promise<unknown> {
    return host.call('readReceipt', { params: { desktopId: this.#desktopId }, query: { kind, number: String(number) } });
  }

  #told({ host }: End, kind: MoveReport['kind'], state: MoveReport['state']): Promise<unknown> {
    const moveId = systemRandom(16).toString('hex');
    const nothing = { totalBytes: null, bytesPerSecond: null, leftMs: null, pauseMs: null, durableMs: null, runningMs: null, bytesChanged: null, fault: null, sequence: null };
    return host.call('reportMove', { params: { desktopId: this.#desktopId }, body: { moveId, epoch: this.#epoch, kind, state, phase: kind === 'resume' ? 'load' : 'capture', doneBytes: 0, bytesMoved: 0, phases: [], ...nothing } });
  }
}
