import { after, before, describe, test } from 'node:test';
import { comeIn, enrolFirst, settled } from './acts.ts';
import { runSql } from './database.ts';
import { Stage } from './stage.ts';

/** Jobs that were given up, as operators care for them at the page of the store. */

describe('jobs that were given up, at the dashboard', { timeout: 300_000 }, () => {
  let stage: Stage;
  before(async () => {
    stage = await Stage.open();
    await enrolFirst(stage);
    runSql(stage.house, `insert into dead_letters (job, fault, times, first_at) values ('scrub', 'STORE_UNAVAILABLE: the store is away', 3, now() - interval '1 hour'), ('measure', 'INTERNAL: broken', 1, now())`);
  });
  after(() => stage.close());

  test('stand in the overview and on the page of the store; one is tried again and ends well, one is put away, both on record', async () => {
    await stage.visit({}, async (visit) => {
      const { page } = visit;
      await comeIn(stage, visit);
      await page.getByText('The job scrub of the coordinator was given up: STORE_UNAVAILABLE: the store is away').waitFor();
      await page.goto(stage.address('/store'));
      await settled(page);
      const letters = page.getByRole('table', { name: 'Jobs that were given up, longest first' });
      await letters.getByRole('row', { name: /scrub.*STORE_UNAVAILABLE: the store is away.*3/ }).waitFor();
      await page.getByRole('button', { name: 'Try again: scrub' }).click();
      // News of its good end comes by itself.
      await letters.getByRole('row', { name: /scrub/ }).waitFor({ state: 'detached' });
      await page.getByRole('button', { name: 'Put away: measure' }).click();
      await page.getByText('No job is given up.').waitFor();
      await page.goto(stage.address('/audit'));
      await page.getByText('had the job scrub tried again').waitFor();
      await page.getByText('put the job measure away, which was given up: INTERNAL: broken').waitFor();
    });
  });
});
