import type { Browser, BrowserContext, Page } from 'playwright-core';
import { House } from '../house/house.ts';
import { openChromium } from './chromium.ts';
import { addAuthenticator, type Authenticator, type Passkey } from './passkey.ts';
import { Watch, type Received } from './watch.ts';

/** A coordinator with its dashboard, and a browser before it. */

export interface Look {
  readonly theme?: 'light' | 'dark';
  readonly widthPx?: number;
  readonly heightPx?: number;
  /** An IANA name. */
  readonly zone?: string;
}

/** One person at one browser: a context of its own, with nothing in it that another left. */
export interface Visit {
  readonly page: Page;
  readonly context: BrowserContext;
  readonly watch: Watch;
  readonly authenticator: Authenticator;
}

const patienceMs = 60_000;

export class Stage {
  readonly house: House;
  readonly browser: Browser;
  /** The passkeys of the admin, once there is one. */
  passkeys: readonly Passkey[] = [];
  /** All that browsers were sent at visits that are over. */
  readonly received: Received[] = [];

  /** The cookie's value of the last sign-in. */
  session = '';
  #uses = 0;

  private constructor(house: House, browser: Browser) {
    this.house = house;
    this.browser = browser;
  }

  /** `words`, `environment`: what the coordinator is told beside where it listens. */
  static async open(words: readonly string[] = [], environment: NodeJS.ProcessEnv = {}): Promise<Stage> {
    const house = new House();
    try {
      await house.startCoordinator('127.0.0.1:0', words, environment);
      return new Stage(house, await openChromium());
    } catch (error) {
      await house.close();
      throw error;
    }
  }

  async close(): Promise<void> {
    await this.browser.close();
    await this.house.close();
  }

  /** Passkeys are bound to a name, so pages are asked for by it. */
  get origin(): string {
    return `http://localhost:${new URL(this.house.url).port}`;
  }

  /** A page of the dashboard by its path below /dashboard, `/` for the first. */
  address(path: string): string {
    return `${this.origin}/dashboard${path}`;
  }

  /** Lets somebody at a browser of their own do something; then nothing that a page must never do may have happened, whatever it was about. */
  async visit<Result>(look: Look, act: (visit: Visit) => Promise<Result>): Promise<Result> {
    const { theme = 'light', widthPx = 1200, heightPx = 800, zone = 'Europe/Berlin' } = look;
    const context = await this.browser.newContext({ colorScheme: theme, viewport: { width: widthPx, height: heightPx }, timezoneId: zone, locale: 'en-GB' });
    try {
      context.setDefaultTimeout(patienceMs);
      const watch = await Watch.over(context, this.origin);
      const page = await context.newPage();
      const visit = { page, context, watch, authenticator: await addAuthenticator(page, this.#passkeysForOneMore()) };
      const result = await act(visit);
      await watch.assertClean(page);
      this.received.push(...watch.received);
      return result;
    } finally {
      await context.close();
    }
  }

  /** The same passkeys with counters above all that were shown before: one that does not go up is a copy, and refused. */
  #passkeysForOneMore(): readonly Passkey[] {
    this.#uses += 1;
    return this.passkeys.map((passkey) => ({ ...passkey, signCount: this.#uses * 1000 }));
  }
}
