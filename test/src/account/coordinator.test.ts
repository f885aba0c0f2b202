import { deepEqual, equal, match, ok } from 'node:assert/strict';
import { after, before, beforeEach, describe, test } from 'node:test';
import { systemClock, systemRandom, type DesktopId } from '@godwit/base';
import { createDevice, cryptoReady, encodeEntry, entryBody, replayChain, sha256, sign, signAdd, type ChainState } from '@godwit/crypto';
import { CheckpointWriter, defineRegion, desktopKeys, memoryStore } from '@godwit/snapshot';
import { bytesOf, textOf, type AnswerOf, type Routes } from '@godwit/wire';
import { enrolSecond, House, type TestHost } from '../house/house.ts';
import { Insider } from './insider.ts';
import { LyingCoordinator } from './lying-coordinator.ts';
import { withoutCredentials } from './people.ts';

type Chain = AnswerOf<Routes['readChain']>;
type Desktops = AnswerOf<Routes['listDesktops']>;

const withEntries = (entries: readonly Buffer[]) => (): Chain => ({ from: 0, length: entries.length, entries: entries.map(textOf) });

/** Hosts a and b of one account; b speaks to the coordinator through one that lies. */
describe('a coordinator that lies', () => {
  const house = new House();
  let liar: LyingCoordinator;
  let a: TestHost;
  let b: TestHost;
  let alice: Insider;
  let bob: Insider;
  let entries: Buffer[];

  const known = async (): Promise<void> => {
    entries = (await alice.ask('readChain', { query: {} })).entries.map(bytesOf);
  };

  before(async () => {
    await cryptoReady();
    await house.startCoordinator();
    liar = await LyingCoordinator.before(house.url);
    [a, b] = [await house.addHost('a', withoutCredentials(house)), await house.addHost('b', withoutCredentials(house))];
    await a.must('init', '--coordinator', house.url, '--name', 'a');
    await enrolSecond(a, b, liar.url);
    [alice, bob] = [new Insider(a.home), new Insider(b.home)];
    await alice.createDesktop('work');
    await alice.checkpoint('work', Buffer.from('one'));
    await alice.createDesktop('other');
    await alice.checkpoint('other', Buffer.from('another'));
    equal((await b.must('verify', 'work')).good, true);
    equal((await b.must('verify', 'other')).good, true);
  });
  beforeEach(async () => {
    liar.honest();
    await known();
  });
  after(async () => {
    liar.close();
    await house.close();
  });

  test('adds a device of its own: the chain is refused, and no key is wrapped for it', async () => {
    const ghost = createDevice(systemRandom);
    const chain = replayChain(entries);
    const honest = signAdd(chain, { device: ghost, name: 'ghost', signer: alice.device, createdMs: 1 });
    const body = honest.subarray(0, -64);
    for (const signature of [sign('chain-entry', body, ghost.signSecret), Buffer.alloc(64)]) {
      liar.lie('GET /v1/chain', withEntries([...entries, Buffer.concat([body, signature])]));
      const { error, exitCode } = await b.ask('hosts');
      deepEqual([error?.code, exitCode], ['SIGNATURE_INVALID', 1]);
    }
    const own = { kind: 'add', accountId: chain.accountId, sequence: chain.length, previousHash: chain.headHash, createdMs: 1, signer: ghost.hostId, device: ghost, name: 'ghost' } as const;
    liar.lie('GET /v1/chain', withEntries([...entries, encodeEntry(own, sign('chain-entry', entryBody(own), ghost.signSecret))]));
    equal((await b.ask('hosts')).error?.code, 'CHAIN_SIGNER_REFUSED');
  });

  test('answers a join code with the keys of a device of its own: not approved', async () => {
    const ghost = createDevice(systemRandom);
    const real = createDevice(systemRandom);
    const found = { joinId: 'ab'.repeat(16), hostId: real.hostId, signPublic: textOf(ghost.signPublic), boxPublic: textOf(ghost.boxPublic), name: 'real', system: '', askedMs: Date.now(), address: '127.0.0.1', expiresMs: Date.now() + 60_000 };
    liar.lie('GET /v1/joins', () => found);
    const asking = await house.addHost('c', withoutCredentials(house));
    const shown = Promise.withResolvers<string>();
    const joining = asking.run(['join', '--coordinator', house.url, '--name', 'c'], (text) => {
      const code = /godwit approve (\S+)/.exec(text)?.[1];
      if (code !== undefined) shown.resolve(code);
    });
    const { error } = await b.ask('approve', await shown.promise, '--yes');
    equal(error?.code, 'JOIN_CODE_WRONG');
    equal(liar.asked.some((line) => line.startsWith('POST')), false);
    await asking.stopAgent('SIGKILL');
    await joining;
  });

  test('swaps the public key of a real device: refused', async () => {
    const ghost = createDevice(systemRandom);
    const [genesis, add] = entries as [Buffer, Buffer];
    const swapped = Buffer.from(add);
    swapped.set(ghost.boxPublic, 84 + 32);
    liar.lie('GET /v1/chain', withEntries([genesis, swapped]));
    equal((await b.ask('hosts')).error?.code, 'SIGNATURE_INVALID');
  });

  test('shows an older chain: refused by name', async () => {
    liar.lie('GET /v1/chain', withEntries(entries.slice(0, 1)));
    const { error } = await b.ask('hosts');
    deepEqual([error?.code, error?.expected, error?.found], ['CHAIN_ROLLED_BACK', '2 entries or more', '1']);
  });

  test('shows an older checkpoint, another one in its place, or none: refused, naming the sequence that was seen', async () => {
    const old = await alice.ask('listDesktops');
    await alice.checkpoint('work', Buffer.from('two'));
    equal((await b.must('verify', 'work')).checkpoints, 2);
    const edited = (change: (desktop: Desktops['desktops'][number]) => Desktops['desktops'][number] | undefined) => (answer: unknown): Desktops => ({ desktops: (answer as Desktops).desktops.flatMap((desktop) => (desktop.name === 'work' ? (change(desktop) ?? []) : desktop)) });
    const lies = {
      older: edited((desktop) => ({ ...desktop, owner: null, head: old.desktops.find(({ name }) => name === 'work')!.head })),
      'another in its place': edited((desktop) => ({ ...desktop, owner: null, head: { ...desktop.head!, digest: textOf(sha256(Buffer.from('x'))) } })),
      none: edited((desktop) => ({ ...desktop, owner: null, head: null })),
    };
    for (const [what, lie] of Object.entries(lies)) {
      liar.lie('GET /v1/desktops', lie);
      for (const words of [['status'], ['verify', 'work'], ['resume', 'work']] as const) {
        const { error, exitCode } = await b.ask(words[0], ...words.slice(1));
        equal(error?.code, 'HEAD_ROLLED_BACK', `${what}: ${words.join(' ')}`);
        ok(exitCode !== 0);
        match(error.expected ?? '', /checkpoint 2/);
      }
    }
    liar.lie('GET /v1/desktops', edited(() => undefined));
    equal((await b.ask('verify', 'work')).error?.code, 'HEAD_ROLLED_BACK');
    await b.stopAgent();
    await b.startAgent();
    liar.lie('GET /v1/desktops', lies.older);
    equal((await b.ask('status')).error?.code, 'HEAD_ROLLED_BACK', 'it is remembered over a restart');
    liar.honest();
    equal((await b.must('verify', 'work')).good, true);
  });

  test('flips a wrapped key, swaps it with another desktop, replays an older one: one and the same fault', async () => {
    const { desktops } = await alice.ask('listDesktops');
    const other = desktops.find(({ name }) => name === 'other')!;
    const flip = (bytes: string, at: number): string => {
      const changed = bytesOf(bytes);
      changed[at]! ^= 1;
      return textOf(changed);
    };
    const keyOf = (make: (bytes: string) => string) => (answer: unknown): Desktops => ({ desktops: (answer as Desktops).desktops.map((desktop) => (desktop.name === 'work' ? { ...desktop, wrappedKeys: desktop.wrappedKeys.map((key) => ({ ...key, bytes: make(key.bytes) })) } : desktop)) });
    const seen = new Set<string>();
    for (const make of [(bytes: string) => flip(bytes, 0), (bytes: string) => flip(bytes, 13), (bytes: string) => flip(bytes, 20), (bytes: string) => flip(bytes, 85), () => other.wrappedKeys[0]!.bytes, (bytes: string) => textOf(bytesOf(bytes).subarray(0, 85))]) {
      liar.lie('GET /v1/desktops', keyOf(make));
      const { error } = await b.ask('verify', 'work');
      equal(error?.code, 'GRANT_INVALID');
      seen.add(error.message);
    }
    equal(seen.size, 1);
  });

  test('shows two hosts different histories: both alarm at first contact, with both heads', async () => {
    const chain = replayChain(entries);
    const forA = signAdd(chain, { device: createDevice(systemRandom), name: 'c', signer: alice.device, createdMs: 1 });
    const forB = signAdd(chain, { device: createDevice(systemRandom), name: 'd', signer: bob.device, createdMs: 2 });
    await alice.ask('appendChain', { body: { expectedLength: chain.length, entry: textOf(forA), grants: [] } });
    await a.must('hosts');
    const seenByB: ChainState = replayChain([...entries, forB]);
    liar.lie('GET /v1/chain', withEntries([...entries, forB]));
    equal((await b.must('hosts')).hosts.length, 3);
    await alice.checkpoint('work', Buffer.from('three'), { release: true });
    const atB = (await b.ask('verify', 'work')).error;
    const [headA, headB] = [replayChain([...entries, forA]).headHash, seenByB.headHash].map((hash) => `head ${hash.toString('hex')}`);
    deepEqual([atB?.code, atB?.expected, atB?.found], ['CHAIN_FORKED', headA, headB]);
    const { desktopId } = await bob.desktop('work');
    await bob.ask('acquireDesktop', { params: { desktopId }, body: {} });
    await bob.checkpoint('work', Buffer.from('four'), { release: true, chain: seenByB });
    const atA = (await a.ask('verify', 'work')).error;
    deepEqual([atA?.code, atA?.expected, atA?.found], ['CHAIN_FORKED', headB, headA]);
    liar.honest();
    equal((await b.ask('hosts')).error?.code, 'CHAIN_FORKED');
  });
});

describe('a revocation that the coordinator hides from one host', () => {
  const house = new House();
  let liar: LyingCoordinator;
  after(async () => {
    liar.close();
    await house.close();
  });

  test('what the others write says so; a back-dated checkpoint of the revoked device never becomes the head; nothing is granted', async () => {
    await cryptoReady();
    await house.startCoordinator();
    liar = await LyingCoordinator.before(house.url);
    const [a, b, c] = [await house.addHost('a', withoutCredentials(house)), await house.addHost('b', withoutCredentials(house)), await house.addHost('c', withoutCredentials(house))] as const;
    await a.must('init', '--coordinator', house.url, '--name', 'a');
    await enrolSecond(a, b, liar.url);
    await enrolSecond(a, c, house.url);
    const [alice, thief] = [new Insider(a.home), new Insider(c.home)];
    await alice.createDesktop('work');
    await alice.checkpoint('work', Buffer.from('one'), { release: true });
    const { desktopId } = await alice.desktop('work');
    const before = await alice.ask('readChain', { query: {} });
    equal((await b.must('verify', 'work')).good, true);
    await a.must('revoke', 'c', '--yes');

    liar.lie('GET /v1/chain', () => before);
    equal((await b.must('hosts')).hosts.some(({ revoked }) => revoked), false, 'the lie is believed while nothing contradicts it');
    await alice.takeGrants();
    await alice.ask('acquireDesktop', { params: { desktopId }, body: {} });
    await alice.checkpoint('work', Buffer.from('two'), { release: true });
    const { error } = await b.ask('verify', 'work');
    deepEqual([error?.code, error?.expected, error?.found], ['CHAIN_ROLLED_BACK', '4 entries or more', '3']);
    const joiner = await house.addHost('d', withoutCredentials(house));
    const shown = Promise.withResolvers<string>();
    const joining = joiner.run(['join', '--coordinator', house.url, '--name', 'd'], (text) => {
      const code = /godwit approve (\S+)/.exec(text)?.[1];
      if (code !== undefined) shown.resolve(code);
    });
    equal((await b.ask('approve', await shown.promise, '--yes')).error?.code, 'CHAIN_MOVED', 'its entry does not follow the real chain');
    await joiner.stopAgent('SIGKILL');
    await joining;

    liar.honest();
    equal((await b.must('verify', 'work')).good, true, 'the new key was granted to it with the revocation');
    const mine = await alice.desktop('work');
    const { manifest } = await backDated(thief, desktopId, replayChain(before.entries.map(bytesOf)), mine.head!.sequence + 1);
    const checkpoint = { ...mine.head!, sequence: mine.head!.sequence + 1, digest: textOf(sha256(manifest)), parent: mine.head!.digest, hostId: thief.device.hostId };
    liar.lie('GET /v1/desktops', (answer) => ({ desktops: (answer as Desktops).desktops.map((desktop) => ({ ...desktop, head: checkpoint })) }));
    liar.lie(`GET /v1/desktops/${desktopId}/checkpoints/${checkpoint.sequence}/manifest`, () => ({ checkpoint, manifest: textOf(manifest) }));
    equal((await b.ask('verify', 'work')).error?.code, 'DEVICE_REVOKED');
  });
});

/** A manifest as the revoked device may sign it: of its own time, for the place after the head. It reads nothing of what came since. */
async function backDated(thief: Insider, desktopId: DesktopId, chain: ChainState, sequence: number): Promise<{ manifest: Buffer }> {
  const keys = desktopKeys(desktopId, new Map([[1, [...thief.accountKeys.values()][0]!]]));
  const regions = [defineRegion({ id: 0, kind: 'disk', name: 'disk0', lengthBytes: 65_536 })];
  const writer = new CheckpointWriter({ store: memoryStore(), keys, epoch: 9, keyGeneration: 1, signer: thief.device, chain, regions, random: systemRandom, clock: systemClock });
  await writer.putPages(0, Uint32Array.of(0), Buffer.alloc(65_536, 1));
  return writer.finish({ contract: Buffer.from('{}'), sequence, stats: { bytesScanned: 0, pauseMs: 0 } });
}
