import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { smallImage } from '../e2e/two-hosts.ts';
import { keysOf } from '../canary/life.ts';
import { Search } from '../canary/search.ts';
import { connection, enrolFirst, settled, signIn, until } from './acts.ts';
import { beginDay, type Day } from './day.ts';
import { goTo, commonPages } from './pages.ts';
import { assertOneMove, beginSampling, samplesOf } from './move-samples.ts';
import { Stage } from './stage.ts';

/** What an operator sees while real desktops move between real hosts. A story, told in order. */

const place = (name: string) => commonPages.find((each) => each.name === name)!;

describe('a real day, seen at the dashboard', { timeout: 340_000 }, () => {
  let stage: Stage;
  let day: Day;

  before(async () => {
    stage = await Stage.open();
    await enrolFirst(stage);
    day = await beginDay(stage);
  });
  after(() => stage.close());

  /** Two operators before the overview, both live; then `act`; what each of them was shown of moves is given back. */
  async function seenByTwo(act: () => Promise<unknown>) {
    return stage.visit({}, async (one) => stage.visit({ theme: 'dark', widthPx: 390 }, async (other) => {
      const visits = [one, other];
      for (const visit of visits) {
        await signIn(stage, visit);
        await settled(visit.page);
        await beginSampling(visit.page);
        await visit.watch.beginStill(visit.page);
      }
      await act();
      const seen = [];
      for (const { page, watch } of visits) {
        await until(page, "window.godwitSamples.length > 0 && ![...document.querySelectorAll('main .move')].some((each) => each.textContent.includes('under way'))");
        await watch.assertStill(page);
        seen.push(await samplesOf(page));
      }
      return seen;
    }));
  }

  test('a suspend is seen from its start to its end by two browsers alike: never back, never over the whole, and nothing jumps', async (t) => {
    const seen = await seenByTwo(() => day.laptop.suspend('work'));
    for (const samples of seen) {
      const { phases, counts } = assertOneMove(samples, 'suspend');
      t.diagnostic(`${counts} different values of progress, phases ${phases.join(', ')}`);
    }
  });

  test('so is the resume on the other host', async () => {
    const seen = await seenByTwo(() => day.tower.must('resume', 'work', '--wait'));
    for (const samples of seen) assertOneMove(samples, 'resume');
  });

  test('a move that is over has its phases with lengths and rates, the slowest one marked', async () => {
    await stage.visit({}, async (visit) => {
      const { page } = visit;
      await signIn(stage, visit, '/moves');
      await settled(page);
      await page.getByRole('link', { name: 'suspend', exact: true }).first().click();
      const phases = page.getByRole('region', { name: 'Phases of this move, in order' });
      await phases.getByText('bottleneck').waitFor();
      const rows = await phases.getByRole('row').allTextContents();
      for (const phase of ['capture', 'freeze', 'upload', 'commit']) assert.ok(rows.some((row) => row.startsWith(phase)), `${phase} in ${rows.join(' | ')}`);
    });
  });

  test('a coordinator that is gone is said to be gone, with the age of what is shown; when it is back, all is read again', async () => {
    await stage.visit({}, async (visit) => {
      const { page, watch } = visit;
      await signIn(stage, visit, '/desktops');
      await settled(page);
      watch.allow(/ERR_CONNECTION_REFUSED|WebSocket connection|ERR_EMPTY_RESPONSE|ERR_CONNECTION_RESET|status of 50\d/);
      await watch.beginStill(page);
      const listen = new URL(stage.house.url).host;
      await stage.house.stopCoordinator();
      await connection(page).getByText(/Data as of \d+ \w+ ago/).waitFor();
      await page.getByRole('link', { name: 'work', exact: true }).first().waitFor();
      await watch.assertStill(page);
      await stage.house.startCoordinator(listen);
      // Nobody tells the page of it before it is connected again.
      await day.laptop.must('create', 'later', '--memory', '256M', '--cpus', '1', '--image', smallImage);
      await settled(page);
      await page.getByRole('link', { name: 'later', exact: true }).first().waitFor();
    });
  });

  test('a host that an operator keeps out is shown as such in another browser, until it is let in again', async () => {
    await stage.visit({}, async (watcher) => stage.visit({}, async (visit) => {
      for (const each of [watcher, visit]) {
        await signIn(stage, each, '/hosts');
        await settled(each.page);
      }
      const row = (page: typeof visit.page) => page.getByRole('row').filter({ hasText: 'marta-laptop' });
      const dialog = visit.page.getByRole('dialog');
      await row(visit.page).getByRole('button', { name: 'Bar marta-laptop' }).click();
      await dialog.getByLabel(/^Why/).fill('it was left in a train');
      await dialog.getByRole('button', { name: 'Bar marta-laptop' }).click();
      await dialog.waitFor({ state: 'hidden' });
      await row(watcher.page).getByText('barred').waitFor();
      await row(visit.page).getByRole('button', { name: 'Let in marta-laptop' }).click();
      await dialog.getByRole('button', { name: 'Let marta-laptop in' }).click();
      await row(watcher.page).getByText('current').waitFor();
    }));
  });

  test('a device that its person revokes is shown as revoked while one looks, and who did it', async () => {
    await stage.visit({}, async (visit) => {
      const { page } = visit;
      await signIn(stage, visit, '/hosts');
      await settled(page);
      await day.tower.must('revoke', 'marta-laptop', '--yes');
      await page.getByRole('row').filter({ hasText: 'marta-laptop' }).getByText('revoked').waitFor();
      await goTo(stage, page, place('audit'));
      await page.getByRole('row').filter({ hasText: 'put marta-laptop out of the account' }).first().waitFor();
    });
  });

  test('no key and no recovery word was in anything that a browser was sent', async () => {
    const keys = await keysOf(day.tower, day.laptop, day.recoveryWords);
    const search = new Search(keys);
    assert.deepEqual(stage.received.flatMap(({ from, text }) => search.bytes(Buffer.from(text), from)).map(({ canary, place: where }) => `${canary.name} in ${where}`), []);
    assert.ok(stage.received.some(({ text }) => text.includes('marta-laptop')) && search.searchedBytes > 100_000, `${search.searchedBytes} bytes searched`);
    assert.equal(search.bytes(Buffer.from(`{"words":${JSON.stringify(day.recoveryWords)}}`), 'a control').length, 6, 'it would be found');
  });
});
