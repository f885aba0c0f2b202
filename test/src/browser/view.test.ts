import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import type { Browser, Page } from 'playwright-core';
import { createSmall } from '../e2e/two-hosts.ts';
import { House, type TestHost } from '../house/house.ts';
import { assertAccessible } from './accessibility.ts';
import { openChromium } from './chromium.ts';
import { Watch } from './watch.ts';

/** How many colours the picture of the guest has on the page; none while it shows none. */
const coloursShown = (page: Page): Promise<number> =>
  page.evaluate<number>(`(() => {
    const canvas = document.querySelector('#screen canvas');
    if (!canvas || canvas.width < 640) return 0;
    return new Set(new Uint32Array(canvas.getContext('2d').getImageData(0, 0, canvas.width, canvas.height).data.buffer)).size;
  })()`);

/** The page of `godwit view` in a real browser, before a real guest. */
describe('the screen of a desktop in a browser', { timeout: 180_000 }, () => {
  const house = new House();
  let host: TestHost;
  let browser: Browser;

  before(async () => {
    await house.startCoordinator();
    host = await house.addHost('laptop-a');
    await host.must('init', '--coordinator', house.url, '--name', 'laptop-a');
    await createSmall(host, 'work');
    await host.must('start', 'work');
    browser = await openChromium();
  });
  after(async () => {
    await browser.close();
    await house.close();
  });

  test('shows the guest, says when the lid may be closed, and shows the guest again when it is back', async (t) => {
    const link = (await host.must('view', 'work')).url!;
    const context = await browser.newContext({ viewport: { width: 900, height: 600 } });
    context.setDefaultTimeout(60_000);
    const watch = await Watch.over(context, new URL(link).origin);
    // A screen that is gone is tried once more before the page hears that it is.
    watch.allow(/Connection closed|WebSocket/);
    const page = await context.newPage();
    const askedMs = performance.now();
    await page.goto(link);
    assert.equal(new URL(page.url()).search, '', 'the token is out of the address');
    const shown = async (): Promise<void> => {
      await page.getByText('Running here').waitFor();
      await page.locator('body[data-screen="shown"]').waitFor();
      for (let colours = 0; colours < 2; colours = await coloursShown(page)) await new Promise((resolve) => setTimeout(resolve, 100));
    };
    await shown();
    t.diagnostic(`the guest's picture was there ${Math.round(performance.now() - askedMs)} ms after the link was followed`);
    await assertAccessible(page, 'the page of a screen');
    await host.suspend('work');
    await page.getByText('Safe to close the lid').waitFor();
    await page.getByText(/^work@1 is in the store, proven by leaf \d+/).waitFor();
    assert.equal(await page.locator('#screen canvas').count(), 0);
    await host.must('resume', 'work');
    await shown();
    await watch.assertClean(page);
    const second = await context.newPage();
    watch.allow(/status of 403/);
    assert.equal((await second.goto(link))?.status(), 403, 'the link is good once');
    await context.close();
    // Nor is it good in another browser, which has not what the first use left in this one.
    const other = await browser.newContext();
    assert.equal((await (await other.newPage()).goto(link))?.status(), 403);
    await other.close();
  });
});
