import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { enrolFirst, settled, signIn } from './acts.ts';
import { addCompany } from './company.ts';
import { Stage } from './stage.ts';

/** A coordinator with ten thousand desktops, most of them held. */

const desktops = 10_000;

describe('ten thousand desktops at the dashboard', { timeout: 300_000 }, () => {
  let stage: Stage;
  before(async () => {
    stage = await Stage.open();
    await enrolFirst(stage);
    addCompany(stage.house, desktops);
  });
  after(() => stage.close());

  test('the list draws the rows in sight, says of each its place among all, and comes to the last one by keyboard', async (t) => {
    await stage.visit({}, async (visit) => {
      const { page, watch } = visit;
      await signIn(stage, visit);
      await page.goto(stage.address('/desktops'));
      const list = page.getByRole('region', { name: 'Desktops', exact: true });
      await list.getByRole('rowheader').first().waitFor();
      const paintMs = await page.evaluate<number>("performance.getEntriesByName('first-contentful-paint')[0].startTime");
      t.diagnostic(`first paint after ${paintMs.toFixed(0)} ms, first rows after ${(await page.evaluate<number>('performance.now()')).toFixed(0)} ms`);
      await settled(page);
      assert.equal(await list.getByRole('table').getAttribute('aria-rowcount'), String(desktops + 1));
      const drawn = await list.getByRole('rowheader').count();
      assert.ok(drawn >= 5 && drawn < 100, `${drawn} rows are drawn`);
      await watch.beginStill(page);
      await list.focus();
      await page.keyboard.press('End');
      await list.locator(`tr[aria-rowindex="${desktops + 1}"] th[scope=row]`).waitFor();
      assert.ok((await list.getByRole('rowheader').count()) < 100);
      await watch.assertStill(page);
    });
  });

  test('the same rows are there in pages, for whoever reads them one by one', async () => {
    await stage.visit({ widthPx: 390 }, async (visit) => {
      const { page } = visit;
      await signIn(stage, visit, '/desktops?view=pages');
      await page.getByText('1 to 100 of 10,000 desktops').waitFor();
      assert.equal(await page.getByRole('region', { name: 'Desktops', exact: true }).getByRole('rowheader').count(), 100);
      await page.getByRole('button', { name: 'Later' }).first().click();
      await page.getByText('101 to 200 of 10,000 desktops').waitFor();
      await page.locator('tr[aria-rowindex="102"]').waitFor();
    });
  });

  test('one of them is found by a part of its name, and the address of what was found is the same for everybody', async () => {
    await stage.visit({}, async (visit) => {
      const { page } = visit;
      await signIn(stage, visit, '/desktops');
      await page.getByLabel('Name, holder or id').fill('priya-books-31');
      await page.getByRole('rowheader', { name: /^priya-books-31/ }).first().waitFor();
      const { searchParams } = new URL(page.url());
      assert.equal(searchParams.get('search'), 'priya-books-31');
      await page.reload();
      await page.getByRole('rowheader', { name: /^priya-books-31/ }).first().waitFor();
    });
  });
});
