import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import type { Page } from 'playwright-core';
import { comeIn, enrolFirst, settled, signIn, until } from './acts.ts';
import { hearOfCompany } from './company.ts';
import { beginDay, spreadDay } from './day.ts';
import { ask, assertFailsInParts, everyPage, findingsInEveryLook, goTo, type Known, type PagePlace } from './pages.ts';
import { takePicture } from './pictures.ts';
import { Stage } from './stage.ts';

/** Every page with a day in it: desktops that moved, a company around them, a month of the store. */

describe('the pages of a day', { timeout: 340_000 }, () => {
  let stage: Stage;
  let places: readonly PagePlace[];
  const place = (name: string): PagePlace => places.find((each) => each.name === name)!;

  before(async () => {
    stage = await Stage.open(['--upkeep', '5']);
    await enrolFirst(stage);
    const { laptop, tower } = await beginDay(stage);
    await laptop.suspend('work');
    await tower.must('resume', 'work', '--wait');
    await tower.suspend('work');
    await laptop.must('resume', 'work', '--wait');
    spreadDay(stage);
    places = everyPage(await stage.visit({}, async (visit): Promise<Known> => {
      await signIn(stage, visit);
      const { moves: [move] } = await ask<{ moves: readonly Known[] }>(visit.page, '/v1/operator/moves');
      return move!;
    }));
  });
  after(() => stage.close());

  test('no page has a serious finding of axe, light or dark, on a desk or a phone, nor is one wider than its window', async () => {
    await stage.visit({}, async (visit) => {
      await signIn(stage, visit);
      const found: string[] = [];
      for (const each of places) {
        await goTo(stage, visit.page, each);
        found.push(...(await findingsInEveryLook(visit, each.name)));
      }
      assert.deepEqual(found, []);
    });
  });

  test('every chart has a name, a sentence, a cursor for the keyboard whose value is told, and a table with the same points', async () => {
    await stage.visit({}, async (visit) => {
      const { page } = visit;
      await signIn(stage, visit);
      for (const [name, atLeast] of [['store', 1], ['desktop', 4]] as const) {
        await goTo(stage, page, place(name));
        assert.equal(await page.locator('canvas').count(), await page.locator('figure.chart canvas').count(), 'no canvas stands outside of a figure');
        const figures = await page.getByRole('figure').filter({ has: page.locator('canvas') }).all();
        assert.ok(figures.length >= atLeast, `${figures.length} charts on ${name}`);
        for (const figure of figures) {
          const tree = await figure.ariaSnapshot();
          const title = /heading "([^"]+)"/.exec(tree)?.[1] ?? '';
          assert.match(tree, new RegExp(`figure "${title}"`));
          assert.match(tree, new RegExp(`application "${title}, chart; arrow keys read its values"`));
          const picture = figure.getByRole('application');
          await picture.focus();
          await page.keyboard.press('End');
          const newest = (await figure.getByRole('status').textContent()) ?? '';
          await figure.getByText(`${title} as a table`).first().click();
          const rows = await figure.getByRole('row').allTextContents();
          assert.ok(rows.length > 1 && newest.length > 8, `${title}: ${rows.length} rows, "${newest}"`);
          const figuresIn = (text: string): string[] => text.match(/[\d.]+ (?:[KMG]?i?B|ms|s|%)/g) ?? [];
          for (const value of figuresIn(newest)) assert.ok(rows[1]!.includes(value), `${value} of "${newest}" in "${rows[1]!}"`);
        }
      }
    });
  });

  async function changed(page: Page, change: (answer: { logKey: string; rows: { leaf: string; index: number }[] }) => void): Promise<void> {
    await page.route((url) => url.pathname === '/v1/operator/audit', async (route) => {
      const response = await route.fetch();
      const answer = (await response.json()) as Parameters<typeof change>[0];
      change(answer);
      await route.fulfill({ response, json: answer });
    });
    await page.goto(stage.address('/audit'));
    await page.getByRole('heading', { level: 1, name: /Audit/ }).waitFor();
  }

  test('the browser proves each entry of the audit log, and shows what is forged, left out or another log as such', async () => {
    await stage.visit({}, async (visit) => {
      const { page } = visit;
      await signIn(stage, visit, '/audit');
      await settled(page);
      const said = (await page.getByText(/\d+ entries read, \d+ proven in this browser/).textContent()) ?? '';
      const [, read, proven] = /(\d+) entries read, (\d+) proven/.exec(said) ?? [];
      assert.ok(Number(read) > 4 && read === proven, said);
      await changed(page, ({ rows }) => {
        const { leaf } = rows[1]!;
        rows[1]!.leaf = `${leaf.slice(0, 60)}${leaf[60] === 'A' ? 'B' : 'A'}${leaf.slice(61)}`;
      });
      await page.getByText(/, 1 not proven/).waitFor();
      await page.unrouteAll({ behavior: 'wait' });
      await changed(page, ({ rows }) => void rows.splice(1, 1));
      await page.getByRole('alert').filter({ hasText: 'Missing, although the signed log has them' }).waitFor();
      await page.unrouteAll({ behavior: 'wait' });
      await changed(page, (answer) => (answer.logKey = `${answer.logKey.startsWith('A') ? 'B' : 'A'}${answer.logKey.slice(1)}`));
      await page.getByRole('alert').filter({ hasText: 'another log' }).first().waitFor();
      await page.unrouteAll({ behavior: 'wait' });
    });
  });

  test('times are those of who looks, with the zone named, and copied they are what programs read', async () => {
    await stage.visit({ zone: 'Asia/Kathmandu' }, async (visit) => {
      const { page, context } = visit;
      await context.grantPermissions(['clipboard-read', 'clipboard-write'], { origin: stage.origin });
      await signIn(stage, visit);
      await goTo(stage, page, place('move'));
      // Older and newer lists of zones spell it in two ways.
      await page.getByText(/Times in Asia\/Kath?mandu \(UTC\+05:45\)/).waitFor();
      const time = page.locator('time:has(.time-absolute)').first();
      const iso = (await time.getAttribute('datetime')) ?? '';
      const there = new Date(Date.parse(iso) + (5 * 60 + 45) * 60_000).toISOString().slice(0, 19).replace('T', ' ');
      assert.equal(await time.locator('.time-absolute').textContent(), there);
      await time.locator('.time-absolute').click({ clickCount: 3 });
      await page.evaluate("getSelection().selectAllChildren(document.querySelector('time:has(.time-absolute)'))");
      await page.keyboard.press('Control+C');
      assert.equal(await page.evaluate('navigator.clipboard.readText()'), iso);
    });
  });

  test('whatever cannot be read fails alone, says why, and is read again when asked', async () => {
    await stage.visit({}, async (visit) => {
      await signIn(stage, visit);
      for (const name of ['overview', 'desktops', 'hosts', 'moves', 'store', 'desktop', 'trust']) await assertFailsInParts(stage, visit, place(name));
    });
  });

  test('who takes care of what needs a person is shown after all else, and is on record', async () => {
    await stage.visit({}, async (visit) => {
      const { page } = visit;
      await comeIn(stage, visit);
      await settled(page);
      const first = page.locator('.need').first();
      const said = (await first.locator('p').first().textContent()) ?? '';
      await first.getByRole('button', { name: /^I take care of it/ }).click();
      const taken = page.locator('.need').last();
      await taken.getByText('takes care of it, since').waitFor();
      assert.equal(await taken.locator('p').first().textContent(), said);
      await taken.getByRole('button', { name: /^Nobody takes care of it any more/ }).click();
      await until(page, "document.querySelector('.need-care span') === null");
      await goTo(stage, page, place('audit'));
      for (const act of ['takes care of: ', 'takes no care any more of: ']) await page.locator('.audit-what').filter({ hasText: act }).first().waitFor();
    });
  });

  test('the device chain is walked by keyboard, as a picture that is a list', async () => {
    await stage.visit({}, async (visit) => {
      const { page } = visit;
      await signIn(stage, visit);
      await goTo(stage, page, place('trust'));
      const tree = await page.locator('main').ariaSnapshot();
      for (const name of ['marta-laptop', 'marta-tower']) assert.ok(tree.includes(name), tree);
    });
  });

  test('what an account may have is given by an operator, is shown at once, and is on record', async () => {
    await stage.visit({}, async (visit) => {
      const { page } = visit;
      await comeIn(stage, visit);
      await goTo(stage, page, place('trust'));
      await page.getByRole('button', { name: 'Change the quotas' }).click();
      await page.getByRole('dialog').getByLabel('Gibibytes in the store').fill('1.5');
      await page.getByRole('dialog').getByLabel('Moves an hour').fill('');
      await page.getByRole('button', { name: 'Give these quotas' }).click();
      await page.getByRole('dialog').waitFor({ state: 'detached' });
      await page.getByText(/ of 1\.5 GiB/).waitFor();
      await goTo(stage, page, place('audit'));
      await page.locator('.audit-what').filter({ hasText: 'bytes=1536MiB,moves=default' }).first().waitFor();
    });
  });

  test('its pictures are taken', async () => {
    for (const theme of ['light', 'dark'] as const) await stage.visit({ theme }, async (visit) => {
      await signIn(stage, visit);
      for (const each of places.filter(({ name }) => name !== 'operators' && name !== 'glossary')) {
        hearOfCompany(stage.house);
        await goTo(stage, visit.page, each);
        await takePicture(visit.page, `${each.name}-${theme}`);
      }
    });
  });
});
