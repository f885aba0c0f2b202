import { deepEqual, equal, match } from 'node:assert/strict';
import { afterEach, describe, test } from 'node:test';
import type { ControlCommand } from '@godwit/wire';
import { answers } from './answers.ts';
import { plain } from './colours.ts';
import { buildProgram } from './program.ts';

interface Losing {
  readonly words: readonly string[];
  readonly command: ControlCommand;
  /** What the agent says that would be given up. */
  readonly plan: object;
  /** How its person reads that: what, and how much. */
  readonly says: RegExp;
}

const atMs = Date.UTC(2026, 10, 21, 14, 2);
const when = new Date(atMs).toLocaleString().replace(/[.*+?^${}()|[\]\\/]/g, '\\$&');
const none = { objects: 0, bytes: 0 };

/** Every command that gives something up. */
const table: readonly Losing[] = [
  { words: ['resume', 'work', '--discard'], command: 'discard', plan: { name: 'work', sequence: 3, acknowledgedMs: atMs, ageMs: 720_000, diskBytes: 38 * 2 ** 20, memoryBytes: 2 ** 29, done: false }, says: new RegExp(`since checkpoint 3, 12 min 0 s ago \\(${when}\\): 38\\.0 MiB on its disks and its 512 MiB of memory`) },
  { words: ['takeover', 'work'], command: 'takeover', plan: { name: 'work', holder: 'laptop-b', inReach: false, holderContactMs: atMs, offline: 'keep', waitMs: 0, sequence: 3, acknowledgedMs: atMs, ageMs: 720_000, done: false, how: null, epoch: 4, arrive: null }, says: new RegExp(`what laptop-b did with it since checkpoint 3, 12 min 0 s ago \\(${when}\\)`) },
  { words: ['rollback', 'work@3'], command: 'rollback', plan: { name: 'work', sequence: 3, keptAs: 'work.before-3', givenUp: { checkpoints: 2, spanMs: 61_000, newestMs: atMs }, done: false }, says: new RegExp(`2 checkpoints after it, 1 min 1 s of work up to ${when}`) },
  { words: ['prune', 'work', '--keep-last', '1'], command: 'prune', plan: { name: 'work', retention: { last: 1, hourly: 0, daily: 0 }, done: false, dropped: [1, 2], kept: 1, waiting: { objects: 9, bytes: 38 * 2 ** 20 }, locked: none, freed: none, graceMs: 3_600_000, compacted: null }, says: /Would drop 2 checkpoints \(1-2\).*\n38\.0 MiB in 9 objects/ },
  { words: ['revoke', 'laptop-b'], command: 'revoke', plan: { hostId: '0'.repeat(32), hostName: 'laptop-b', held: [{ name: 'work', sequence: 3, acknowledgedMs: atMs }], staying: ['laptop-a'], generation: 1, done: false }, says: new RegExp(`work: held there; what it did since checkpoint 3 of ${when} is lost`) },
  { words: ['cache', '--clear'], command: 'cache', plan: { bytes: 38 * 2 ** 20, limitBytes: 2 ** 33, limitIsDefault: true, budgetBytes: 2 ** 33, packs: 7, hits: 0, misses: 0, bytesFromCache: 0, bytesFetched: 0, desktops: [], cleared: { packs: 7, bytes: 38 * 2 ** 20, done: false } }, says: /It would be emptied: 38\.0 MiB of 7 packs, which would be fetched again/ },
];

/** Runs a line without anybody at the terminal: what the agent was asked in order, and the exit code. */
async function type(words: readonly string[], { command, plan }: Losing): Promise<{ asked: boolean[]; exitCode: number }> {
  const asked: boolean[] = [];
  const program = buildProgram({
    ask: ((name: ControlCommand, args: { confirmed?: boolean }) => {
      if (name === command) asked.push(args.confirmed === true);
      return Promise.resolve(plan);
    }) as never,
    fail: (error) => {
      throw error;
    },
  });
  await program.parseAsync([...words], { from: 'user' });
  const exitCode = Number(process.exitCode ?? 0);
  process.exitCode = 0;
  return { asked, exitCode };
}

describe('commands that give something up', () => {
  afterEach(() => (process.exitCode = 0));

  for (const losing of table) {
    const line = losing.words.join(' ');

    test(`${line}: says what, in numbers`, () => match((answers[losing.command] as (plan: object, paint: unknown) => string)(losing.plan, plain), losing.says));

    test(`${line}: nobody to ask and no --yes is a command line that is not whole; nothing is done`, async () => {
      deepEqual(await type(losing.words, losing), { asked: [false], exitCode: 2 });
    });

    test(`${line}: --dry-run only tells, whatever else is said; --yes does it at once`, async () => {
      deepEqual(await type([...losing.words, '--dry-run'], losing), { asked: [false], exitCode: 0 });
      deepEqual(await type([...losing.words, '--dry-run', '--yes'], losing), { asked: [false], exitCode: 0 });
      deepEqual(await type([...losing.words, '--yes'], losing), { asked: [true], exitCode: 0 });
    });
  }

  test('are all in this table: whatever has --yes has --dry-run, and a row here', () => {
    const program = buildProgram({ ask: () => Promise.resolve(undefined), fail: () => undefined });
    const has = (flag: string): string[] => program.commands.filter(({ options }) => options.some(({ long }) => long === flag)).map((command) => command.name());
    // approve gives nothing up: it lets somebody in.
    const losing = has('--yes').filter((name) => name !== 'approve');
    deepEqual(losing.sort(), table.map(({ words }) => words[0]!).sort());
    equal(losing.every((name) => has('--dry-run').includes(name)), true);
  });
});
