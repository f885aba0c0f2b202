import { describe, test } from 'node:test';
import { breakAndMend, careForDeadLetters } from '../testing/dead-letters.ts';
import { newDatabaseUrl } from '../testing/shared-cluster.ts';
import { raiseStage } from '../testing/stage.ts';

describe('jobs that are given up', () => {
  test('are shown to operators, who have them tried again or put them away, on record', async () => {
    const databaseUrl = await newDatabaseUrl();
    await using stage = await raiseStage({ databaseUrl });
    await careForDeadLetters(stage.coordinator, databaseUrl);
  });

  test('are those that failed to their last attempt, until they end well', async () => {
    const databaseUrl = await newDatabaseUrl();
    await using _stage = await raiseStage({ databaseUrl, upkeep: { everyMs: 20, againMs: 5 } });
    await breakAndMend(databaseUrl);
  });
});
