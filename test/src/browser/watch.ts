import assert from 'node:assert/strict';
import type { BrowserContext, ConsoleMessage, Page, WebSocket } from 'playwright-core';

/** What a page must never do, noticed while tests look at something else; and all that the coordinator sent to it. */

/** Runs in each document before its own code: there is no other way to hear of these. */
const insideThePage = `(() => {
  document.addEventListener('securitypolicyviolation', (event) => void window.godwitTell('violation', event.violatedDirective + ' refuses ' + (event.blockedURI || 'inline') + ' ' + event.sample));
  const names = (entry) => entry.sources.map(({ node }) => !node ? '?' : node.nodeType === 1 ? node.outerHTML.slice(0, 120) : '"' + node.textContent.slice(0, 60) + '"').join(', ');
  new PerformanceObserver((list) => {
    for (const entry of list.getEntries()) if (!entry.hadRecentInput) void window.godwitTell('shift', JSON.stringify({ value: entry.value, by: names(entry) }));
  }).observe({ type: 'layout-shift', buffered: true });
})();`;

/** A browser asks who is signed in by asking; "nobody" is an answer, which Chromium logs as an error. */
const nobodySignedIn = /status of 401 .*\/v1\/operator\/session$/;

/** One layout shift as Chromium scores it: 0 is none, 0.1 is what web.dev still calls good. */
export interface Shift {
  readonly value: number;
  readonly by: string;
}

const stillLimit = 0.005;

/** The text of an answer or of a WebSocket message, and what it was asked for. */
export interface Received {
  readonly from: string;
  readonly text: string;
}

export class Watch {
  readonly #origin: string;
  readonly #allowed: RegExp[] = [nobodySignedIn];
  readonly #told: string[] = [];
  #shifts: Shift[] = [];
  readonly received: Received[] = [];
  readonly #reading: Promise<void>[] = [];

  private constructor(origin: string) {
    this.#origin = origin;
  }

  /** Watches every page of a context that has none yet. `origin`: the only one that may be asked for anything. */
  static async over(context: BrowserContext, origin: string): Promise<Watch> {
    const watch = new Watch(origin);
    await context.exposeBinding('godwitTell', (_source, kind: string, text: string) => {
      if (kind === 'shift') watch.#shifts.push(JSON.parse(text) as Shift);
      else watch.#told.push(`content security policy: ${text}`);
    });
    await context.addInitScript(insideThePage);
    context.on('weberror', (error) => watch.#told.push(`page error: ${error.error().stack ?? error.error().message}`));
    context.on('console', (message) => watch.#hear(message));
    context.on('request', (request) => watch.#judge(request.url()));
    context.on('response', (response) => {
      const from = `${response.status()} ${response.url()}`;
      // An answer that was cut off by leaving the page has no body to look at.
      watch.#reading.push(response.text().then((text) => void watch.received.push({ from, text }), () => undefined));
    });
    context.on('page', (page) => page.on('websocket', (socket) => watch.#listen(socket)));
    return watch;
  }

  /** From here on what matches is expected: an error that the test itself causes. */
  allow(pattern: RegExp): void {
    this.#allowed.push(pattern);
  }

  /** All that was noticed and is not allowed. */
  async problems(page: Page): Promise<string[]> {
    await settle(page, this.#reading);
    return this.#told.filter((text) => !this.#allowed.some((pattern) => pattern.test(text)));
  }

  /** Forgets the layout shifts so far: what comes while a page is built is not what this is about. */
  async beginStill(page: Page): Promise<void> {
    await settle(page, this.#reading);
    this.#shifts = [];
  }

  /** The layout shifts since `beginStill`, without those that an act of the person caused. */
  async shifts(page: Page): Promise<readonly Shift[]> {
    await settle(page, this.#reading);
    return this.#shifts;
  }

  /** Fails when what was shown has moved since `beginStill` by more than a digit moves its neighbour. */
  async assertStill(page: Page): Promise<void> {
    const shifts = await this.shifts(page);
    const sum = shifts.reduce((total, { value }) => total + value, 0);
    assert.ok(sum <= stillLimit, `a layout shift of ${sum.toFixed(4)}: ${shifts.map(({ value, by }) => `${value.toFixed(4)} by ${by}`).join('; ')}`);
  }

  async assertClean(page: Page): Promise<void> {
    assert.deepEqual(await this.problems(page), []);
  }

  #hear(message: ConsoleMessage): void {
    if (message.type() === 'error' || (message.type() === 'warning' && /Content Security Policy/i.test(message.text()))) this.#told.push(`console: ${message.text()} ${message.location().url}`.trim());
  }

  #judge(url: string): void {
    if (/^(data|blob|about):/.test(url) || url.startsWith(`${this.#origin}/`)) return;
    this.#told.push(`asks another origin: ${url.slice(0, 200)}`);
  }

  #listen(socket: WebSocket): void {
    this.#judge(socket.url().replace(/^ws/, 'http'));
    socket.on('framereceived', ({ payload }) => this.received.push({ from: `message ${socket.url().split('?')[0]}`, text: payload.toString() }));
  }
}

/** What the page told is here when two frames were drawn and answers are read. */
async function settle(page: Page, reading: readonly Promise<void>[]): Promise<void> {
  await Promise.all(reading);
  if (!page.isClosed()) await page.evaluate('new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(() => setTimeout(done))))');
}
