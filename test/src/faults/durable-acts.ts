import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { Account, HeadMemory, homeAt, KeyStore, keptHere, loadRecord, LocalDesktop, makeFolderDurably, newContract, PolicyMemory, removeFolder, saveRecord, writeDurably, type DesktopRecord, type Home } from '@godwit/agent';
import { silentLog, systemClock, systemRandom, type DesktopId } from '@godwit/base';
import { createDevice, createRecovery, cryptoReady, newAccountKey, recoveryFromWords, signGenesis } from '@godwit/crypto';
import { OnceWritten } from '@godwit/snapshot';

/** What an agent does to files that have to be there after a crash, each alone: done by strace-driver.ts in a process in which calls fail. */

export interface DurableAct {
  readonly name: string;
  /** What was there before. */
  prepare(home: Home): Promise<void>;
  /** May throw; gives what the process then believes. */
  act(home: Home): Promise<unknown>;
  /** What is wrong with what is on the disk, after it ended as `done` says (undefined: killed) and believed `believes`. */
  judge(home: Home, done: boolean | undefined, believes: unknown): Promise<string[]>;
}

const desktopId = '0123456789abcdef0123456789abcdef' as DesktopId;
const otherId = 'fedcba9876543210fedcba9876543210' as DesktopId;
const digest = (letter: string): string => letter.repeat(43);
/** The same in the process that prepares, the one that acts and the one that judges. */
const fixed = (lengthBytes: number): Buffer => Buffer.alloc(lengthBytes, 7);
const contract = newContract({ cpus: 1, memoryBytes: 2 ** 28, diskBytes: 2 ** 20, accelerator: 'tcg', firmware: { file: 'bios.bin', lengthBytes: 1024, sha256: '00'.repeat(32) }, qemuVersion: '7.2.0' }, fixed);
const record: DesktopRecord = {
  version: 1, desktopId, name: 'work', epoch: 1, contract, base: null, nextLayer: 1, machine: null, stage: 'settled', commit: null, ...keptHere,
  disks: [{ layers: [{ file: 'disk0-0.qcow2', format: 'qcow2' }], committedLayers: 0 }],
};
const commit = { commitId: desktopId, manifest: 'AAAA', sequence: 1, digest: digest('b') };

async function withRecord(home: Home): Promise<void> {
  mkdirSync(home.desktop(desktopId).machineDirectory, { recursive: true });
  writeFileSync(join(home.desktop(desktopId).machineDirectory, 'disk0-0.qcow2'), 'a disk');
  await saveRecord(home.desktop(desktopId), record);
}

/** The record as it is on the disk. A damaged one throws, which is never right. */
async function recordIn(home: Home): Promise<DesktopRecord | undefined> {
  return loadRecord(home.desktop(desktopId));
}

const changeRecord: DurableAct = {
  name: 'record',
  prepare: withRecord,
  act: (home) => saveRecord(home.desktop(desktopId), { ...record, epoch: 2 }),
  judge: async (home, done) => {
    const epoch = (await recordIn(home))?.epoch;
    return epoch === 2 || (epoch === 1 && done !== true) ? [] : [`the record is of epoch ${epoch}`];
  },
};

const changeTwice: DurableAct = {
  name: 'two changes at once',
  prepare: withRecord,
  act: async (home) => {
    const desktop = new LocalDesktop(home.desktop(desktopId), record);
    const both = await Promise.allSettled([desktop.update({ asleep: true }), desktop.update({ nextLayer: 9 })]);
    const failed = both.find((one) => one.status === 'rejected');
    if (failed !== undefined) throw failed.reason;
  },
  judge: async (home, done) => {
    const found = await recordIn(home);
    if (found === undefined) return ['there is no record'];
    return done === true && !(found.asleep && found.nextLayer === 9) ? [`of two changes there is asleep ${found.asleep}, next layer ${found.nextLayer}`] : [];
  },
};

/** The first step of a commit that then does not come about: its guest may run only where no agent would ever ask for that commit. */
const beginCommit: DurableAct = {
  name: 'a commit that is begun',
  prepare: withRecord,
  act: async (home) => {
    const desktop = new LocalDesktop(home.desktop(desktopId), record);
    let begun = true;
    try {
      await desktop.update({ stage: 'committing', commit });
    } catch {
      begun = false; // What a departure does when its commit cannot begin:
      await desktop.goOn();
    }
    return { begun, mayRun: desktop.mayRun };
  },
  judge: async (home, done, believes) => {
    const found = await recordIn(home);
    if (found === undefined) return ['there is no record'];
    const { begun, mayRun } = (believes ?? {}) as { begun?: boolean; mayRun?: boolean };
    return [
      ...(done === true && begun === true && found.stage !== 'committing' ? ['the commit was begun, and the record does not say so'] : []),
      ...(mayRun === true && found.stage === 'committing' ? ['the guest may run, and the next agent would commit what it was'] : []),
    ];
  },
};

const forget: DurableAct = {
  name: 'forget',
  prepare: withRecord,
  act: (home) => removeFolder(home.desktop(desktopId)),
  judge: async (home, done) => {
    const { directory } = home.desktop(desktopId);
    if (!existsSync(directory)) return [];
    if (done === true) return ['it is still there'];
    const found = await recordIn(home);
    const left = readdirSync(directory, { recursive: true });
    return found === undefined && left.some((name) => String(name) !== 'run') ? [`without its record there is ${left.join(', ')}`] : [];
  },
};

const rememberHeads: DurableAct = {
  name: 'seen heads',
  prepare: async (home) => {
    await HeadMemory.load(home.headsFile).remember({ desktopId, name: 'work' }, { epoch: 1, sequence: 1, digest: digest('a') });
  },
  act: async (home) => {
    const heads = HeadMemory.load(home.headsFile);
    const both = await Promise.allSettled([heads.remember({ desktopId, name: 'work' }, { epoch: 2, sequence: 2, digest: digest('b') }), heads.remember({ desktopId: otherId, name: 'play' }, { epoch: 1, sequence: 1, digest: digest('c') })]);
    const believes = { work: heads.seen(desktopId)?.sequence, play: heads.seen(otherId)?.sequence };
    return { ...believes, failed: both.filter(({ status }) => status === 'rejected').length };
  },
  judge: (home, _done, believes) => {
    const heads = HeadMemory.load(home.headsFile);
    const found = { work: heads.seen(desktopId)?.sequence, play: heads.seen(otherId)?.sequence };
    const known = (believes ?? {}) as { work?: number; play?: number };
    const lost = (known.work ?? 1) > (found.work ?? 0) || (known.play ?? 0) > (found.play ?? 0);
    return Promise.resolve(lost || found.work === undefined ? [`heads ${JSON.stringify(found)} where ${JSON.stringify(known)} is known`] : []);
  },
};

const rememberPolicy: DurableAct = {
  name: 'seen policy',
  prepare: (home) => PolicyMemory.load(home.policiesFile).remember(desktopId, { mode: 'stop', signedMs: 1, policy: 'AA' }),
  act: (home) => PolicyMemory.load(home.policiesFile).remember(desktopId, { mode: 'keep', signedMs: 2, policy: 'BB' }),
  judge: (home, done) => {
    const signedMs = PolicyMemory.load(home.policiesFile).seen(desktopId)?.signedMs;
    return Promise.resolve(signedMs === 2 || (signedMs === 1 && done !== true) ? [] : [`the policy is of ${signedMs}`]);
  },
};

const receiptOf = (home: Home): string => join(home.directory, 'receipts', desktopId, '1.json');
const keepReceipt: DurableAct = {
  name: 'receipt',
  prepare: () => Promise.resolve(),
  act: async (home) => {
    await makeFolderDurably(join(home.directory, 'receipts', desktopId), 0o700);
    await writeDurably(receiptOf(home), '{"receipt":1}');
  },
  judge: (home, done) => {
    const text = existsSync(receiptOf(home)) ? readFileSync(receiptOf(home), 'utf8') : undefined;
    return Promise.resolve(text === '{"receipt":1}' || (text === undefined && done !== true) ? [] : [`the receipt is ${JSON.stringify(text)}`]);
  },
};

const ports = (home: Home) => ({ home, clock: systemClock, random: systemRandom, log: silentLog });

/** Four files of which the last makes the host enrolled: then all of them have to be whole. */
const enrol: DurableAct = {
  name: 'enrol',
  prepare: () => Promise.resolve(),
  act: async (home) => {
    await cryptoReady();
    const device = createDevice(systemRandom);
    const accountKey = newAccountKey(systemRandom);
    const recovery = recoveryFromWords(createRecovery(systemRandom).words.join(' '));
    const genesis = signGenesis({ recovery, accountKey, device, name: 'laptop', createdMs: 1 });
    const place = { coordinator: 'http://127.0.0.1:1', hostName: 'laptop', passphrase: null, audience: 'coordinator-00', logKey: digest('A') };
    await Account.enrol(ports(home), place, device, [genesis], new Map([[1, accountKey]]));
  },
  judge: async (home, done) => {
    await cryptoReady();
    const account = Account.load(ports(home), await KeyStore.open(home, systemRandom));
    if (account === undefined) return done === true ? ['it is not enrolled'] : [];
    return account.keys.has(1) ? [] : ['it is enrolled without its key'];
  },
};

const storeIn = (home: Home): string => join(home.directory, 'store');
const objectsIn = (home: Home): string[] => ['p-1', 'p-2'].map((name) => join(storeIn(home), 'd-1', 'e-1', name));
/** Two objects of a store at once, in a folder that is not there yet: what the coordinator does with two packs of one departure. */
const storeObjects: DurableAct = {
  name: 'two objects at once',
  prepare: () => Promise.resolve(),
  act: async (home) => {
    let next = 0;
    const files = new OnceWritten(storeIn(home), (lengthBytes) => Buffer.alloc(lengthBytes, (next += 1)));
    await files.prepare();
    const both = await Promise.allSettled(objectsIn(home).map((path) => files.create(path, (file) => file.writeFile(path))));
    if (readdirSync(join(storeIn(home), '.incoming')).length > 0 && both.every(({ status }) => status === 'fulfilled')) throw new Error('half-written files are left');
    return { stored: both.map(({ status }) => status === 'fulfilled') };
  },
  judge: (home, done, believes) => {
    const { stored } = (believes ?? { stored: [done === true, done === true] }) as { stored: boolean[] };
    return Promise.resolve(objectsIn(home).flatMap((path, index) => {
      if (!existsSync(path)) return stored[index] === true ? [`${path} is stored, and not there`] : [];
      return readFileSync(path, 'utf8') === path ? [] : [`${path} is there, and not whole`];
    }));
  },
};

export const durableActs: readonly DurableAct[] = [changeRecord, changeTwice, beginCommit, forget, rememberHeads, rememberPolicy, keepReceipt, enrol, storeObjects];

/** Every path that an act, or an agent with that desktop, writes durably. */
export function durablePaths(directory: string, desktop: DesktopId = desktopId): string[] {
  const home = homeAt(directory);
  const { recordFile, digestsFile, directory: folder, machineDirectory } = home.desktop(desktop);
  const files = [home.settingsFile, home.deviceKeyFile, home.accountKeysFile, home.homeKeyFile, home.chainFile, home.headsFile, home.policiesFile, home.leftFile, join(directory, 'log-head'), receiptOf(home), recordFile, digestsFile];
  const folders = [directory, home.desktopsDirectory, folder, machineDirectory, join(machineDirectory, 'disk0-0.qcow2'), join(directory, 'receipts'), join(directory, 'receipts', desktop)];
  const incoming = join(storeIn(home), '.incoming');
  const objects = [storeIn(home), incoming, ...[1, 2].map((fill) => join(incoming, Buffer.alloc(16, fill).toString('hex'))), join(storeIn(home), 'd-1'), join(storeIn(home), 'd-1', 'e-1'), ...objectsIn(home)];
  return [...files.flatMap((file) => [file, `${file}.new`]), ...folders, ...objects];
}
