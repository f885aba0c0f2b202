import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { join, resolve } from 'node:path';
import { after, before, describe, test } from 'node:test';
import type { Page } from 'playwright-core';
import { comeIn, connection, enrol, enrolFirst, heading, printedInvite, settled, signIn, until } from './acts.ts';
import { assertAccessible, seriousFindings } from './accessibility.ts';
import { runSql } from './database.ts';
import { ask, commonPages, findingsInEveryLook, goTo } from './pages.ts';
import { takePicture } from './pictures.ts';
import { Stage } from './stage.ts';

/**
 * Who may see the dashboard, from the first admin on; and what it shows while there is nothing to show. A story, told in order.
 * Together its tests ask fewer than 30 times what visitors may ask: more in a moment is refused, and a fast machine has no other.
 */

const coordinatorProgram = resolve(import.meta.dirname, '../../../apps/api/dist/main.js');
const signInTitle = /sign in/i;

describe('operators at the dashboard', { timeout: 300_000 }, () => {
  let stage: Stage;
  before(async () => {
    stage = await Stage.open();
  });
  after(() => stage.close());

  const invite = (name: string, role: string): { url: string; code: string } =>
    JSON.parse(execFileSync(process.execPath, [coordinatorProgram, 'invite', '--data', join(stage.house.directory, 'c'), '--name', name, '--role', role, '--json'], { encoding: 'utf8' })) as { url: string; code: string };

  async function pressUntil(page: Page, key: string, arrived: string, most = 40): Promise<void> {
    for (let pressed = 0; pressed < most; pressed += 1) {
      if (await page.evaluate<boolean>(`document.activeElement?.matches(${JSON.stringify(arrived)}) === true`)) return;
      await page.keyboard.press(key);
    }
    throw new Error(`${key} never comes to ${arrived}`);
  }

  test('who comes first is sent to the sign-in, and becomes an admin with the code that the coordinator printed', async () => {
    await stage.visit({}, async ({ page }) => {
      await page.goto(stage.address('/hosts'));
      await heading(page, signInTitle).waitFor();
      assert.ok(page.url().includes('/sign-in'), page.url());
    });
    await enrolFirst(stage, 'Ada');
    const { operator } = await stage.visit({}, async (visit) => {
      await comeIn(stage, visit);
      return ask<{ operator: { name: string; role: string; passkeys: number } }>(visit.page, '/v1/operator/session');
    });
    assert.deepEqual([operator.name, operator.role, operator.passkeys], ['Ada', 'admin', 1]);
  });

  test('the printed code is good once', async () => {
    const used = await printedInvite(stage);
    await stage.visit({}, async ({ page, watch }) => {
      watch.allow(/status of 4\d\d/);
      await page.goto(used.url);
      await page.getByLabel('One-time code').fill(used.code);
      await page.getByLabel('Your name').fill('Mallory');
      await page.getByRole('button', { name: 'Make a passkey' }).click();
      await page.getByRole('alert').waitFor();
      assert.match((await page.getByRole('alert').textContent()) ?? '', /INVITE_REFUSED/);
    });
  });

  test('who signs in comes where they wanted to be, and who signs out has nothing left', async () => {
    await stage.visit({}, async (visit) => {
      const { page, context } = visit;
      await signIn(stage, visit, '/hosts?search=x');
      await heading(page, 'Hosts').waitFor();
      assert.ok(page.url().endsWith('/dashboard/hosts?search=x'), page.url());
      const [cookie] = await context.cookies();
      assert.deepEqual([cookie?.httpOnly, cookie?.secure, cookie?.sameSite], [true, true, 'Strict']);
      assert.equal(await page.evaluate('document.cookie'), '');
      await page.getByRole('button', { name: 'Sign out' }).click();
      await heading(page, signInTitle).waitFor();
      assert.deepEqual(await context.cookies(), []);
      await page.goto(stage.address('/hosts'));
      await heading(page, signInTitle).waitFor();
    });
  });

  test('a session that is ended elsewhere leaves its page at once', async () => {
    runSql(stage.house, 'delete from sessions');
    await stage.visit({}, async (lost) => {
      await signIn(stage, lost);
      await settled(lost.page);
      const { sessionId } = await ask<{ sessionId: string }>(lost.page, '/v1/operator/session');
      lost.watch.allow(/status of 401/);
      await stage.visit({}, async (other) => {
        await signIn(stage, other, '/sessions');
        await other.page.getByRole('row').filter({ hasText: 'Chromium' }).filter({ hasNotText: 'this browser' }).getByRole('button').click();
        await other.page.getByRole('dialog').getByRole('button', { name: 'End it' }).click();
        await other.page.getByRole('dialog').waitFor({ state: 'hidden' });
        const { sessions } = await ask<{ sessions: { sessionId: string }[] }>(other.page, '/v1/operator/sessions');
        assert.ok(sessions.length === 1 && sessions[0]!.sessionId !== sessionId);
      });
      await heading(lost.page, signInTitle).waitFor();
    });
  });

  test('without a mouse: sign-in, navigation, a dialog, search, and out again', async () => {
    await stage.visit({}, async ({ page }) => {
      await page.goto(stage.address('/'));
      await heading(page, signInTitle).waitFor();
      await pressUntil(page, 'Tab', 'button');
      assert.notEqual(await page.evaluate("getComputedStyle(document.activeElement).outlineStyle"), 'none', 'what has the focus shows it');
      await page.keyboard.press('Enter');
      await heading(page, 'Overview').waitFor();
      await page.keyboard.press('g');
      await page.keyboard.press('h');
      await heading(page, 'Hosts').waitFor();
      assert.equal(await page.evaluate('document.activeElement.id'), 'title', 'the title of the new page has the focus');
      await page.keyboard.press('?');
      await page.getByRole('dialog').waitFor();
      for (let pressed = 0; pressed < 6; pressed += 1) {
        await page.keyboard.press('Tab');
        assert.equal(await page.evaluate("document.querySelector('dialog').contains(document.activeElement) || document.activeElement === document.body"), true, 'the focus stays inside');
      }
      await page.keyboard.press('Escape');
      await page.getByRole('dialog').waitFor({ state: 'hidden' });
      await page.keyboard.press('/');
      await until(page, "document.activeElement?.matches('dialog input') === true");
      await page.keyboard.type('sto');
      await page.getByRole('dialog').getByRole('link', { name: /Store/ }).waitFor();
      await page.keyboard.press('ArrowDown');
      await page.keyboard.press('Enter');
      await heading(page, 'Store').waitFor();
      await pressUntil(page, 'Shift+Tab', '.who button');
      await page.keyboard.press('Enter');
      await heading(page, signInTitle).waitFor();
    });
  });

  test('a viewer sees, and is not offered what a viewer may not do', async () => {
    const code = invite('Vic', 'viewer');
    await stage.visit({}, async ({ page, watch }) => {
      await enrol(page, { ...code, name: 'Vic' });
      const pages = await page.getByRole('navigation', { name: 'Pages' }).getByRole('link').allTextContents();
      assert.ok(pages.includes('Hosts') && !pages.includes('Operators'), pages.join(', '));
      watch.allow(/status of 403/);
      const refused = await ask<{ code: string }>(page, '/v1/operator/operators');
      assert.equal(refused.code, 'ROLE_TOO_LOW');
    });
  });

  test('an act that decides who operates asks for the passkey again when the sign-in is old', async () => {
    await stage.visit({}, async (visit) => {
      const { page, watch } = visit;
      await comeIn(stage, visit, '/operators');
      await heading(page, 'Operators').waitFor();
      runSql(stage.house, "update sessions set fresh_at = now() - interval '1 hour'");
      watch.allow(/status of 403/);
      await page.getByRole('button', { name: 'Invite an operator' }).click();
      await page.getByRole('dialog').getByLabel('Name').fill('Grace');
      await page.getByRole('button', { name: 'Make a code' }).click();
      await page.getByRole('button', { name: 'Confirm with your passkey' }).click();
      await page.getByText(/[A-Z0-9]{4}-[A-Z0-9]{4}-[A-Z0-9]{4}-[A-Z0-9]{4}/).waitFor();
    });
  });

  test('a coordinator with nothing in it says so on every page, and no page has a serious finding of axe, light or dark, on a desk or a phone', async () => {
    await stage.visit({}, async (visit) => {
      const { page } = visit;
      await page.goto(stage.address('/sign-in'));
      await heading(page, signInTitle).waitFor();
      const found = await findingsInEveryLook(visit, 'sign-in');
      await comeIn(stage, visit);
      for (const place of commonPages) {
        await goTo(stage, page, place);
        assert.equal(await page.getByRole('alert').count(), 0, `${place.name} says that something failed`);
        if (['overview', 'desktops', 'hosts', 'moves'].includes(place.name)) assert.ok((await page.locator('.empty').count()) > 0, `${place.name} does not say that it is empty`);
        found.push(...(await findingsInEveryLook(visit, place.name)));
      }
      assert.deepEqual(found, []);
    });
  });

  test('axe would find what is wrong', async () => {
    await stage.visit({}, async ({ page }) => {
      await page.goto(stage.address('/sign-in'));
      await heading(page, signInTitle).waitFor();
      await assertAccessible(page, 'sign-in');
      await page.evaluate("document.querySelector('h1').after(Object.assign(new Image(), { src: '/dashboard/none.png' }))");
      assert.equal((await seriousFindings(page)).length, 1);
    }).catch((error: unknown) => assert.match(String(error), /none\.png/));
  });

  test('its pictures are taken', async () => {
    for (const theme of ['light', 'dark'] as const) await stage.visit({ theme }, async (visit) => {
      await visit.page.goto(stage.address('/'));
      await heading(visit.page, signInTitle).waitFor();
      await takePicture(visit.page, `sign-in-${theme}`);
      await comeIn(stage, visit, '/operators');
      await settled(visit.page);
      await takePicture(visit.page, `operators-${theme}`);
      assert.ok(await connection(visit.page).isVisible());
    });
  });
});
