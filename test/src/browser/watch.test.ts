import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { after, before, describe, test } from 'node:test';
import type { Browser, Page } from 'playwright-core';
import { openChromium } from './chromium.ts';
import { Watch } from './watch.ts';

/** That the watch over the pages would notice what it is there for: each wrong is done once. */

const policy = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'";

/** Whatever is asked for; `/slow.js` and others are empty. */
function serve(path: string): { readonly type: string; readonly text: string } {
  if (path === '/') return { type: 'text/html', text: '<!doctype html><title>x</title><main id="top"></main><p>a line of text</p>' };
  return { type: 'text/plain', text: `this is ${path}` };
}

describe('the watch over pages', { timeout: 60_000 }, () => {
  let server: Server;
  let browser: Browser;
  let origin: string;

  before(async () => {
    server = createServer((request, response) => {
      const { type, text } = serve(request.url ?? '/');
      response.writeHead(200, { 'content-type': type, 'content-security-policy': policy }).end(text);
    }).listen(0, '127.0.0.1');
    await once(server, 'listening');
    origin = `http://localhost:${(server.address() as AddressInfo).port}`;
    browser = await openChromium();
  });
  after(async () => {
    await browser.close();
    server.closeAllConnections();
    server.close();
  });

  async function watched(act: (page: Page, watch: Watch) => Promise<unknown>): Promise<string[]> {
    const context = await browser.newContext();
    try {
      const watch = await Watch.over(context, origin);
      const page = await context.newPage();
      await page.goto(`${origin}/`);
      await act(page, watch);
      return await watch.problems(page);
    } finally {
      await context.close();
    }
  }

  const wrongs: readonly (readonly [what: string, script: string, told: RegExp])[] = [
    ['an inline script', "document.body.append(Object.assign(document.createElement('script'), { textContent: 'window.ran = true' }))", /content security policy: script-src/],
    ['an inline style', "document.body.append(Object.assign(document.createElement('style'), { textContent: 'p { color: red }' }))", /content security policy: style-src/],
    ['eval', "setTimeout(() => { try { eval('1') } catch {} })", /content security policy: script-src/],
    ['a request to another origin', "fetch('http://127.0.0.1:9/').catch(() => undefined)", /asks another origin|connect-src/],
    ['a picture of another origin', "document.body.append(Object.assign(new Image(), { src: 'http://127.0.0.1:9/x.png' }))", /asks another origin|img-src/],
    ['an error that nobody caught', "setTimeout(() => { throw new Error('not caught') })", /page error: .*not caught/],
    ['a promise that nobody caught', "void Promise.reject(new Error('not awaited'))", /page error: .*not awaited/],
    ['an error in the console', "console.error('it went wrong')", /console: it went wrong/],
  ];
  for (const [what, script, told] of wrongs) {
    test(`tells of ${what}`, async () => {
      const problems = await watched((page) => page.evaluate(`${script}; undefined`));
      assert.ok(problems.some((text) => told.test(text)), JSON.stringify(problems));
    });
  }

  test('tells of nothing where nothing is wrong, keeps what was received, and forgets what is allowed', async () => {
    const said = await watched(async (page, watch) => {
      watch.allow(/console: expected/);
      await page.evaluate("fetch('/data').then((answer) => answer.text()).then(() => console.error('expected'))");
      await watch.problems(page);
      assert.deepEqual(watch.received.map(({ text }) => text).at(-1), 'this is /data');
    });
    assert.deepEqual(said, []);
  });

  test('sees a page jump, and by what', async () => {
    await watched(async (page, watch) => {
      await watch.beginStill(page);
      assert.deepEqual(await watch.shifts(page), []);
      await page.evaluate("const news = document.createElement('div'); news.style.height = '400px'; document.querySelector('#top').append(news)");
      const shifts = await watch.shifts(page);
      assert.ok(shifts.length === 1 && shifts[0]!.by.includes('a line of text'), JSON.stringify(shifts));
      await assert.rejects(watch.assertStill(page), /a line of text/);
    });
  });
});
