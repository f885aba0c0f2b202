import { execFileSync } from 'node:child_process';
import { randomBytes, randomInt } from 'node:crypto';
import { copyFileSync, mkdirSync, readdirSync, readFileSync, readlinkSync, statSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { cryptoReady, epochKeys, recoveryFromWords } from '@godwit/crypto';
import { Insider } from '../account/insider.ts';
import { withoutCredentials } from '../account/people.ts';
import { machineOf, smallImage } from '../e2e/two-hosts.ts';
import { waitForTick } from '../house/guest.ts';
import { enrolSecond, House, TestHost } from '../house/house.ts';
import { processesOf } from '../house/process-tree.ts';
import { keyCanary, newCanaries, wordsCanary, type Canary } from './canaries.ts';
import { emptyPages, guestRange, writeMemory } from './guest-memory.ts';
import { ProcessWatch, Program, root } from './programs.ts';
import { Search, type Finding } from './search.ts';

/** A desktop's whole life on two hosts with canaries in it, and what of them is left anywhere. */

const memoryBytes = 256 * 2 ** 20;
const pageBytes = 4096;
/** Where the test guest's image keeps its ext4 (infra/guest/image.mjs, DATA_START_MIB). */
const dataOffsetBytes = 32 * 2 ** 20;
const desktopName = 'work';
/** The guest may take an empty page for itself before it is suspended; its canary then goes to another one. */
const plantingsMax = 8;
const settleMs = 2_000;
const watchMs = 100;

export interface Place {
  readonly name: string;
  readonly searchedBytes: number;
  readonly found: readonly Finding[];
}

export interface Life {
  readonly planted: Readonly<Record<Canary['kind'], number>>;
  /** Where each canary has to be found, and how many were: what makes a search that finds nothing worth something. */
  readonly controls: readonly { readonly name: string; readonly wanted: number; readonly found: number }[];
  readonly places: readonly Place[];
}

/** A host all of whose answers are kept. */
class HeardHost extends TestHost {
  readonly heard: { readonly words: readonly string[]; readonly text: string }[] = [];

  override async run(words: readonly string[], onStderr?: (text: string) => void): Promise<{ exitCode: number; stdout: string; stderr: string }> {
    const said = await super.run(words, onStderr);
    this.heard.push({ words, text: said.stdout + said.stderr });
    return said;
  }
}

export async function liveWithCanaries(each: number, tell: (what: string) => void): Promise<Life> {
  await cryptoReady();
  await using house = new House();
  const said = join(house.directory, 'said');
  mkdirSync(said);
  const watch = new ProcessWatch(house.directory);
  const watching = setInterval(() => watch.sample(), watchMs);
  const programs: Program[] = [];
  const environment = withoutCredentials(house);
  const hosts = ['laptop-a', 'laptop-b'].map((name) => new HeardHost(name, join(house.directory, name), environment));
  try {
    const coordinator = new Program([join(root, 'apps/api/dist/main.js'), '--data', join(house.directory, 'c'), '--listen', '127.0.0.1:0', '--json', '--log', 'debug'], join(said, 'coordinator'));
    programs.push(coordinator);
    const { url } = JSON.parse(await coordinator.ready('"ready":true')) as { url: string };
    for (const host of hosts) {
      const agent = new Program([join(root, 'apps/agent/dist/cli/main.js'), 'agent'], join(said, host.name), { ...environment, GODWIT_HOME: host.home });
      programs.unshift(agent);
      await agent.ready('ready');
    }
    const lived = await live(house, url, hosts, each, tell);
    watch.sample();
    dumpDatabase(house, join(said, 'database.sql'));
    for (const program of programs) await program.end();
    tell('all programs ended; searching');
    return { planted: countOf(lived.canaries), controls: lived.controls, places: searchPlaces(house, hosts, lived.canaries, watch) };
  } finally {
    clearInterval(watching);
    for (const program of programs) await program.end();
    for (const host of hosts) for (const pid of processesOf(host.home)) process.kill(pid, 'SIGKILL');
  }
}

async function live(house: House, url: string, hosts: readonly HeardHost[], each: number, tell: (what: string) => void): Promise<{ canaries: Canary[]; controls: Life['controls'] }> {
  const [a, b] = [hosts[0]!, hosts[1]!];
  const ram = newCanaries('guest RAM', each, randomBytes);
  const disk = newCanaries('guest disk', each, randomBytes);
  const image = join(house.directory, 'planted.raw');
  plantOnDisk(image, disk, house.directory);

  const { recoveryWords } = await a.must('init', '--coordinator', url, '--name', a.name);
  await enrolSecond(a, b, url);
  await a.must('create', desktopName, '--image', image, '--memory', '256M', '--cpus', '1');
  await a.must('start', desktopName);
  await waitForTick(a, desktopName, ({ counter }) => counter >= 5);
  const kept = await plantInMemory(machineOf(a), ram);
  tell(`${disk.length} canaries on the guest's disk, ${kept} in its RAM`);
  await a.must('suspend', desktopName);
  await b.must('resume', desktopName, '--wait');
  await waitForTick(b, desktopName, ({ counter, memoryOk, diskOk }) => counter >= 7 && memoryOk && diskOk);
  const keys = await keysOf(a, b, recoveryWords);
  const arrived = new Search([...ram, ...disk]);
  const controls = [
    { name: 'guest RAM, in the memory of QEMU on laptop-a, before suspend', wanted: ram.length, found: kept },
    { name: 'guest RAM, in the memory of QEMU on laptop-b, after resume', wanted: ram.length, found: foundInMemory(arrived, machineOf(b), 'guest RAM') },
    { name: 'guest disk, in the plain image', wanted: disk.length, found: new Search(disk).file(image).length },
    { name: 'guest disk, in the disk that laptop-b filled', wanted: disk.length, found: kinds(arrived.tree(join(b.home, 'desktops')), 'guest disk') },
    { name: 'recovery words, in the answer of init', wanted: 6, found: new Search(keys).bytes(Buffer.from(a.heard.find(({ words }) => words[0] === 'init')?.text ?? ''), 'init').length },
    { name: 'device and account keys, in the key files of both hosts', wanted: 6, found: hosts.flatMap((host) => ['device.key', 'account.key'].flatMap((name) => new Search(keys).file(join(host.home, name)))).length },
  ];
  tell('suspended, resumed on the other host, and found there again');
  await b.must('suspend', desktopName);
  await a.must('verify', desktopName, '--data');
  await b.must('history', desktopName);
  for (const words of [['status'], ['hosts'], ['doctor'], ['audit']]) await b.run([...words, '--json']);
  return { canaries: [...ram, ...disk, ...keys], controls };
}

/** Each in a block of its own of one file of the guest's own file system. */
function plantOnDisk(image: string, canaries: readonly Canary[], directory: string): void {
  const bed = Buffer.alloc(canaries.length * pageBytes);
  for (const [index, { spellings }] of canaries.entries()) spellings[0]!.copy(bed, index * pageBytes + randomInt(pageBytes - spellings[0]!.length));
  const file = join(directory, 'bed');
  writeFileSync(file, bed);
  copyFileSync(smallImage, image);
  execFileSync('debugfs', ['-w', '-R', `write ${file} canaries`, `${image}?offset=${dataOffsetBytes}`], { stdio: 'pipe', env: { PATH: `${process.env['PATH'] ?? ''}:/usr/sbin:/sbin` } });
  writeFileSync(file, '');
}

/** Each in a page of its own that the guest does not use; returns how many are there at the end. */
async function plantInMemory(pid: number, canaries: readonly Canary[]): Promise<number> {
  const range = guestRange(pid, memoryBytes);
  let lost = canaries;
  for (let planting = 0; planting < plantingsMax && lost.length > 0; planting++) {
    const empty = emptyPages(pid, range);
    writeMemory(pid, lost.map(({ spellings }) => {
      const [page] = empty.splice(randomInt(empty.length), 1);
      return { offset: page! + randomInt(pageBytes - spellings[0]!.length), bytes: spellings[0]! };
    }));
    await sleep(settleMs);
    const there = new Set(new Search(canaries).file(`/proc/${pid}/mem`, 'memory', range.offset, range.lengthBytes).map(({ canary }) => canary));
    lost = canaries.filter((canary) => !there.has(canary));
  }
  return canaries.length - lost.length;
}

function foundInMemory(search: Search, pid: number, kind: Canary['kind']): number {
  const { offset, lengthBytes } = guestRange(pid, memoryBytes);
  return kinds(search.file(`/proc/${pid}/mem`, 'memory', offset, lengthBytes), kind);
}

function kinds(findings: readonly Finding[], kind: Canary['kind']): number {
  return new Set(findings.map(({ canary }) => canary).filter((canary) => canary.kind === kind)).size;
}

/** Every secret there is: taken from the hosts' files as a thief would, and derived as an insider could. */
/** Every key of the account of two hosts, its recovery words, and those of its desktop `work`. */
export async function keysOf(a: TestHost, b: TestHost, recoveryWords: readonly string[]): Promise<Canary[]> {
  const insider = new Insider(a.home);
  const keys: Canary[] = [];
  for (let at = 0; at < recoveryWords.length; at += 4) keys.push(wordsCanary(`recovery words ${at + 1} to ${at + 4}`, recoveryWords.slice(at, at + 4)));
  const devices = [['recovery', recoveryFromWords(recoveryWords.join(' '))], ['device of laptop-a', insider.device], ['device of laptop-b', new Insider(b.home).device]] as const;
  for (const [name, { signSecret, boxSecret }] of devices) keys.push(keyCanary(`${name}: signing seed`, signSecret.bytes.subarray(0, 32)), keyCanary(`${name}: box secret`, boxSecret.bytes));
  for (const [generation, key] of insider.accountKeys) keys.push(keyCanary(`account key ${generation}`, key.bytes));
  const { desktopId, wrappedKeys } = await insider.desktop(desktopName);
  for (const [generation, key] of insider.openKeys(await insider.chain(), desktopId, wrappedKeys)) {
    keys.push(keyCanary(`desktop key ${generation}`, key.bytes));
    for (const epoch of [1, 2]) for (const [purpose, secret] of Object.entries(epochKeys(key, desktopId, epoch))) keys.push(keyCanary(`epoch ${epoch}: ${purpose}`, (secret as typeof key).bytes));
  }
  return keys;
}

/** All rows as text, with the server's own tools: what lies compressed in its files is plain here. */
function dumpDatabase(house: House, file: string): void {
  const clusters = readdirSync('/proc').filter((name) => /^\d+$/.test(name)).flatMap((pid) => {
    try {
      const words = readFileSync(`/proc/${pid}/cmdline`, 'utf8');
      const socket = /unix_socket_directories=([^\0]+)/.exec(words)?.[1];
      return socket !== undefined && words.includes(join(house.directory, 'c')) ? [{ pid, socket }] : [];
    } catch {
      return []; // It ended between the two looks.
    }
  });
  const server = clusters[0];
  if (server === undefined) throw new Error('the coordinator\'s PostgreSQL is not there');
  const program = join(dirname(readlinkSync(`/proc/${server.pid}/exe`)), 'pg_dump');
  execFileSync(program, ['--host', server.socket, '--port', '5432', '--username', 'godwit', '--inserts', '--file', file, 'postgres'], { stdio: 'pipe' });
}

function searchPlaces(house: House, hosts: readonly HeardHost[], canaries: readonly Canary[], watch: ProcessWatch): Place[] {
  const inside = (name: string) => (path: string) => path.startsWith(join(house.directory, 'c', name));
  const place = (name: string, look: (search: Search) => Finding[]): Place => {
    const search = new Search(canaries);
    const found = look(search);
    return { name, searchedBytes: search.searchedBytes, found };
  };
  const coordinator = join(house.directory, 'c');
  return [
    place('objects in the store', (search) => search.tree(coordinator, inside('objects'))),
    place('files of the coordinator and of its PostgreSQL', (search) => search.tree(coordinator, (path) => !inside('objects')(path))),
    place('rows of the database, what programs said', (search) => search.tree(join(house.directory, 'said'))),
    place('homes of the agents, their logs', (search) => hosts.flatMap((host) => search.tree(host.home)).filter((finding) => !belongs(finding))),
    place('answers of the agents', (search) => hosts.flatMap(({ heard }) => heard.filter(({ words }) => words[0] !== 'init').flatMap(({ words, text }) => search.bytes(Buffer.from(text), words.join(' '))))),
    place('command lines and environments', (search) => [...watch.seen].flatMap(([name, bytes]) => search.bytes(bytes, name))),
  ];
}

/** A host without a credential store has its own keys in two files that only its user can read: nothing else may be there. */
function belongs({ canary, place }: Finding): boolean {
  if (!/\/(device|account)\.key$/.test(place) || !/^(device of|account key)/.test(canary.name)) return false;
  return (statSync(place).mode & 0o777) === 0o600;
}

function countOf(canaries: readonly Canary[]): Life['planted'] {
  const count = (kind: Canary['kind']): number => canaries.filter((canary) => canary.kind === kind).length;
  return { 'guest RAM': count('guest RAM'), 'guest disk': count('guest disk'), keys: count('keys') };
}
