import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import type { Fault } from '@godwit/base';
import type { Whereabouts } from '@godwit/wire';
import { assertPrintable } from '../house/command-output.ts';
import type { TestHost } from '../house/house.ts';
import { assertGoesOn, assertNothingLeft, assertRefused, createSmall, openTwoHosts, smallImage, statusOf, tickOf, type TwoHosts } from './two-hosts.ts';

/** Everything that is asked in the wrong place, at the wrong time or in the wrong words: one clear fault each, and nothing is lost. */
describe('refusals', { timeout: 180_000 }, () => {
  let hosts: TwoHosts;
  let stranger: TestHost;

  before(async () => {
    hosts = await openTwoHosts();
    stranger = await hosts.house.addHost('stranger');
  });
  after(() => hosts.house.close());

  test('before there is an account every command says how to get one', async () => {
    for (const words of [['hosts'], ['create', 'work', '--disk', '1M'], ['start', 'work'], ['suspend', 'work'], ['resume', 'work'], ['stop', 'work'], ['status'], ['history', 'work'], ['verify', 'work'], ['console', 'work'], ['approve', 'able-acid-zone-zoo-able-acid-zone-zoo']] as const) {
      assertRefused(await stranger.ask(...(words as [never])), 'NOT_ENROLLED', 4, /godwit init/);
    }
    assert.equal((await stranger.ask('doctor')).result?.verdict, 'bad');
    await assertNext(stranger, 'not-enrolled', 'godwit init', 4);
    assertRefused(await stranger.ask('init', '--coordinator', 'http://127.0.0.1:9', '--name', 'x'), 'COORDINATOR_UNREACHABLE', 69, /127\.0\.0\.1:9/);
    assertRefused(await stranger.ask('init', '--coordinator', 'nowhere', '--name', 'x'), 'ARGUMENT_INVALID', 2);
  });

  test('an account is made once, and a host comes in only with the code that it shows', async () => {
    const { house, a } = hosts;
    assertRefused(await a.ask('init', '--coordinator', house.url, '--name', 'again'), 'ENROLLED_ALREADY', 1, /laptop-a/);
    assertRefused(await a.ask('join', '--coordinator', house.url, '--name', 'again'), 'ENROLLED_ALREADY', 1);
    assertRefused(await a.ask('approve', 'AAAA-AAAA-AAAA-AAAA'), 'JOIN_NOT_FOUND', 10, /word 1, aaaa/);
    assertRefused(await a.ask('approve', ...'able acid zone zoo able acid zone zoo'.split(' ')), 'JOIN_NOT_FOUND', 10);
    assertRefused(await a.ask('approve', ''), 'JOIN_NOT_FOUND', 10);
    assertRefused(await a.ask('approve', 'x'.repeat(200)), 'ARGUMENT_INVALID', 2);
  });

  test('words and flags that do not exist end with 2, and with --json as one JSON document', async () => {
    const { a } = hosts;
    for (const words of [['suspned', 'work'], ['suspend'], ['suspend', 'work', 'more'], ['status', '--nonsense'], ['create', 'x', '--memory', 'much'], ['create', 'x', '--cpus', 'many'], ['console', 'x', '--lines', '-1']]) {
      const { exitCode, stdout, stderr } = await a.run(words);
      assert.deepEqual([exitCode, stdout], [2, ''], words.join(' '));
      assert.match(stderr, /^godwit: error: .*\ngodwit: hint: /);
      assertRefused(await a.ask(...(words as [never])), 'ARGUMENT_INVALID', 2);
    }
  });

  test('create refuses bad names, sizes and images, and leaves nothing', async () => {
    const { house, a } = hosts;
    for (const name of ['', 'a b', '../work', '.hidden', '\u001b[2Jwork', 'x'.repeat(64), 'a\nb', 'naïve', '-']) assertRefused(await a.ask('create', name === '-' ? '_' : name, '--disk', '1M'), 'ARGUMENT_INVALID', 2);
    for (const memory of ['0', '1M', '63M', '2T', '100000000000000']) assertRefused(await a.ask('create', 'x', '--disk', '1M', '--memory', memory), 'VALUE_OUT_OF_RANGE', 1, /memory/);
    for (const cpus of ['0', '65', '999999999']) assertRefused(await a.ask('create', 'x', '--disk', '1M', '--cpus', cpus), 'ARGUMENT_INVALID', 2, /cpus/);
    assertRefused(await a.ask('create', 'x'), 'VALUE_OUT_OF_RANGE', 1, /--image/);
    assertRefused(await a.ask('create', 'x', '--disk', '17T'), 'VALUE_OUT_OF_RANGE', 1, /disk/);
    assertRefused(await a.ask('create', 'x', '--image', '/nowhere/at/all'), 'IMAGE_UNUSABLE', 1, /no such file/);
    assertRefused(await a.ask('create', 'x', '--image', '/'), 'IMAGE_UNUSABLE', 1);
    assertRefused(await a.ask('create', 'x', '--image', smallImage, '--disk', '10M'), 'IMAGE_UNUSABLE', 1, /larger --disk/);
    const damaged = join(house.directory, 'damaged.qcow2');
    writeFileSync(damaged, Buffer.concat([Buffer.from('QFI\xfb\0\0\0\x03', 'latin1'), Buffer.alloc(4096, 0xff)]));
    assertRefused(await a.ask('create', 'x', '--image', damaged), 'IMAGE_UNUSABLE', 1);
    assert.deepEqual((await a.must('status')).desktops, []);
    assertNothingLeft(a);
  });

  test('one name is one desktop, also when it is created twice at once, on one host or on two', async () => {
    const { a, b } = hosts;
    const here = await Promise.all([a.ask('create', 'twin', '--disk', '1M'), a.ask('create', 'twin', '--disk', '1M')]);
    assertOneWins(here, ['DESKTOP_BUSY', 'DESKTOP_NAME_TAKEN']);
    const both = await Promise.all([a.ask('create', 'other', '--disk', '1M'), b.ask('create', 'other', '--disk', '1M')]);
    assertOneWins(both, ['DESKTOP_NAME_TAKEN']);
    assertRefused(await b.ask('create', 'twin', '--disk', '1M'), 'DESKTOP_NAME_TAKEN', 1, /twin/);
    assert.deepEqual((await a.must('status')).desktops.map(({ name }) => name), ['other', 'twin']);
  });

  test('a machine larger than this host is refused before QEMU is started, naming what is missing', async () => {
    const { a } = hosts;
    await a.must('create', 'giant', '--disk', '1M', '--memory', '512G');
    assertRefused(await a.ask('start', 'giant'), 'HOST_UNFIT', 7, /memory 524544 MiB.*available/);
    assert.equal((await statusOf(a, 'giant')).state, 'stopped');
  });

  test('a desktop that is switched off says so to who wants it running', async () => {
    const { a, b } = hosts;
    await createSmall(a, 'work');
    for (const command of ['suspend', 'stop', 'console'] as const) assertRefused(await a.ask(command, 'work'), 'DESKTOP_NOT_RUNNING', 1, /godwit start/);
    assertRefused(await a.ask('resume', 'work'), 'DESKTOP_HERE', 1, /godwit start work/);
    assertRefused(await b.ask('resume', 'work'), 'DESKTOP_HELD_ELSEWHERE', 5, /laptop-a/);
    assertRefused(await a.ask('verify', 'work'), 'DESKTOP_NEVER_SAVED', 1);
    assert.deepEqual((await a.must('history', 'work')).checkpoints, []);
    const { desktops } = await whereabouts(b);
    assert.equal(desktops.find(({ name }) => name === 'work')?.next.command, 'godwit move work');
    const { exitCode, stdout } = await a.run(['wait', 'work', '--for', 'running', '--timeout', '1s', '--json']);
    assert.deepEqual([exitCode, (JSON.parse(stdout) as { error: { code: string } }).error.code], [8, 'WAIT_TIMED_OUT']);
  });

  test('a name that nobody has gets the one that was meant', async () => {
    const { a } = hosts;
    for (const command of ['start', 'suspend', 'resume', 'stop', 'status', 'history', 'verify', 'console'] as const) {
      assertRefused(await a.ask(command, 'worg'), 'DESKTOP_NOT_FOUND', 10, /did you mean work\?/);
      const far = await a.ask(command, 'holiday');
      assertRefused(far, 'DESKTOP_NOT_FOUND', 10);
      assert.doesNotMatch(far.error?.hint ?? '', /did you mean/);
    }
  });

  test('with the coordinator out of reach nothing is touched, and the guest runs on', async () => {
    const { house, a, b } = hosts;
    await a.must('start', 'work');
    const seen = await tickOf(a, 'work');
    const listen = new URL(house.url).host;
    await house.stopCoordinator();
    for (const words of [['history', 'work'], ['verify', 'work'], ['hosts'], ['create', 'new', '--disk', '1M'], ['approve', ...Array<string>(8).fill('zebra')], ['resume', 'elsewhere']]) {
      assertRefused(await a.ask(...(words as [never])), 'COORDINATOR_UNREACHABLE', 69, /127\.0\.0\.1/);
    }
    assertRefused(await b.ask('resume', 'work'), 'COORDINATOR_UNREACHABLE', 69);
    assertRefused(await a.ask('start', 'work'), 'DESKTOP_RUNNING', 1);
    await assertNext(a, 'coordinator-out-of-reach', 'godwit suspend work', 0);
    const { reachable, desktops } = await a.must('status');
    assert.deepEqual([reachable, desktops.find(({ name }) => name === 'work')?.state], [false, 'running']);
    assert.equal((await a.ask('doctor')).exitCode, 2);
    await assertGoesOn(a, 'work', seen);
    await house.startCoordinator(listen);
    assert.equal((await a.must('status')).reachable, true);
  });

  test('two commands at once on one desktop: one does its work, the other is told', async () => {
    const { a, b } = hosts;
    const seen = await tickOf(a, 'work');
    assertRefused(await a.ask('resume', 'work'), 'DESKTOP_RUNNING', 1);
    assertRefused(await b.ask('resume', 'work'), 'DESKTOP_HELD_ELSEWHERE', 5, /laptop-a/);
    assertOneWins(await Promise.all([a.ask('suspend', 'work'), a.ask('suspend', 'work'), a.ask('suspend', 'work')]), ['DESKTOP_BUSY', 'DESKTOP_FREE']);
    for (const command of ['start', 'suspend', 'stop', 'console'] as const) assertRefused(await a.ask(command, 'work'), 'DESKTOP_FREE', 1, /godwit resume work/);
    const resumes = await Promise.all([a.ask('resume', 'work', '--wait'), b.ask('resume', 'work', '--wait'), a.ask('resume', 'work', '--wait')]);
    assertOneWins(resumes, ['DESKTOP_BUSY', 'DESKTOP_HELD_ELSEWHERE', 'DESKTOP_RUNNING', 'EPOCH_FENCED', 'HEAD_MOVED']);
    const [holder, other] = resumes[1].result === undefined ? [a, b] : [b, a];
    await assertGoesOn(holder, 'work', seen);
    for (const command of ['start', 'suspend', 'stop', 'console', 'resume'] as const) assertRefused(await other.ask(command, 'work'), 'DESKTOP_HELD_ELSEWHERE', 5, new RegExp(holder.name));
    assert.deepEqual((await other.must('history', 'work')).checkpoints.length, 1);
  });

  test('without its agent every command says how to start it', async () => {
    const { b } = hosts;
    await stranger.stopAgent();
    for (const words of [['status'], ['suspend', 'work'], ['doctor']]) assertRefused(await stranger.ask(...(words as [never])), 'AGENT_UNREACHABLE', 69, /godwit agent/);
    await assertNext(stranger, 'agent-down', 'godwit agent', 69);
    const { exitCode, stderr } = await b.run(['agent']);
    assert.equal(exitCode, 1);
    assert.match(stderr, /AGENT_RUNS_ALREADY/);
  });
});

/** What bare `godwit` says, for programs and for people: the root cause and the one next command. */
async function assertNext(host: TestHost, situation: Whereabouts['situation'], command: string, exitCode: number): Promise<void> {
  const told = await whereabouts(host);
  assert.deepEqual([told.situation, told.next.command], [situation, command]);
  const people = await host.run([]);
  assert.deepEqual([people.exitCode, people.stderr], [exitCode, '']);
  assert.match(people.stdout, new RegExp(`\\nNext: ${command}\\n`));
}

async function whereabouts(host: TestHost): Promise<Whereabouts> {
  const { stdout } = await host.run(['--json']);
  const told = JSON.parse(stdout) as Whereabouts;
  assertPrintable('godwit', told);
  return told;
}

function assertOneWins(answers: readonly { exitCode: number; error: Fault | undefined; result: unknown; stdout: string }[], others: readonly string[]): void {
  const said = answers.map(({ error, stdout }) => error?.code ?? stdout).join(', ');
  assert.equal(answers.filter(({ error, exitCode }) => error === undefined && exitCode === 0).length, 1, said);
  for (const { error, exitCode } of answers) {
    if (error === undefined) continue;
    assert.ok(others.includes(error.code), said);
    assert.notEqual(exitCode, 0);
  }
}

