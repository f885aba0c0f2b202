import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { brokenRules, type BrokenRule } from './broken-rules.ts';
import { runSeed, runSeeds } from './run.ts';

const seeds = 1_000;

describe('simulation', () => {
  test('the same seed is the same world, told in the same words', () => {
    for (const seed of [1, 2, 3]) {
      const once = runSeed(seed, { broken: 'guard-never-kills', storyLines: 1_000 });
      assert.deepEqual(runSeed(seed, { broken: 'guard-never-kills', storyLines: 1_000 }), once);
      assert.notDeepEqual(runSeed(seed + 100, { broken: 'guard-never-kills', storyLines: 1_000 }), once);
    }
  });

  test(`${seeds} worlds break no promise`, (t) => {
    const { steps, violations, commits, takeOvers, forks, unguarded } = runSeeds(1, seeds);
    t.diagnostic(`seeds 1 to ${seeds}: ${steps} steps, ${commits} checkpoints, ${takeOvers} take-overs, ${forks} forks, ${unguarded} times two ran without a live guard`);
    assert.equal(violations.map(({ seed, what, story }) => `seed ${seed}: ${what}\n${story.join('\n')}`).slice(0, 2).join('\n\n'), '');
    // Nothing happens where nothing is tried.
    assert.ok(commits > 5 * seeds && takeOvers > seeds && forks > seeds);
  });

  describe('notices that', () => {
    for (const [rule, why] of Object.entries(brokenRules)) {
      test(`${rule}: ${why}`, (t) => {
        const { seeds: tried, violations } = runSeeds(1, seeds, { broken: rule as BrokenRule, untilFound: true });
        t.diagnostic(`found in seed ${tried}: ${violations[0]?.what ?? 'not at all'}`);
        assert.equal(violations.length, 1);
      });
    }
  });
});
