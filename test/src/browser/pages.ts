import assert from 'node:assert/strict';
import type { Page } from 'playwright-core';
import { seriousFindings } from './accessibility.ts';
import { settled, until } from './acts.ts';
import type { Stage, Visit } from './stage.ts';

/** The pages of the dashboard, and what is asked of each of them alike. */

export interface PagePlace {
  /** As its pictures are called. */
  readonly name: string;
  /** Below /dashboard. */
  readonly path: string;
  readonly title: string | RegExp;
}

export const commonPages: readonly PagePlace[] = [
  { name: 'overview', path: '/', title: 'Overview' },
  { name: 'desktops', path: '/desktops', title: 'Desktops' },
  { name: 'hosts', path: '/hosts', title: 'Hosts' },
  { name: 'moves', path: '/moves', title: 'Moves' },
  { name: 'store', path: '/store', title: 'Store' },
  { name: 'audit', path: '/audit', title: /Audit/ },
  { name: 'operators', path: '/operators', title: 'Operators' },
  { name: 'sessions', path: '/sessions', title: /Sessions/i },
  { name: 'glossary', path: '/glossary', title: 'Glossary' },
];

export interface Known {
  readonly accountId: string;
  readonly desktopId: string;
  readonly moveId: string;
}

/** All of them, those of one desktop, account and move too. */
export const everyPage = ({ accountId, desktopId, moveId }: Known): readonly PagePlace[] => [
  ...commonPages,
  { name: 'desktop', path: `/accounts/${accountId}/desktops/${desktopId}`, title: 'Desktop work' },
  { name: 'trust', path: `/accounts/${accountId}/trust`, title: 'Devices of an account' },
  { name: 'move', path: `/moves/${moveId}`, title: /./ },
];

export async function goTo(stage: Stage, page: Page, { path, title }: PagePlace): Promise<void> {
  await page.goto(stage.address(path));
  await page.getByRole('heading', { level: 1, name: title }).waitFor();
  await settled(page);
}

/** Asks the coordinator as a page does, with its session. */
export async function ask<Answer>(page: Page, path: string): Promise<Answer> {
  return await page.evaluate<Answer>(`fetch(${JSON.stringify(path)}, { headers: { accept: 'application/json' } }).then((answer) => answer.json())`);
}

/** axe over a page in light and dark, on a desk and on a phone; there no page is wider than the phone. */
export async function findingsInEveryLook(visit: Visit, where: string): Promise<string[]> {
  const { page } = visit;
  const found: string[] = [];
  for (const [widthPx, heightPx] of [[1200, 800], [390, 844]] as const) for (const theme of ['light', 'dark'] as const) {
    await page.setViewportSize({ width: widthPx, height: heightPx });
    await page.emulateMedia({ colorScheme: theme });
    const look = `${where}, ${theme}, ${widthPx} px`;
    found.push(...(await seriousFindings(page, theme === 'light' ? 'all' : 'colours')).map((finding) => `${look}: ${finding}`));
    const overPx = await page.evaluate<number>('document.documentElement.scrollWidth - document.documentElement.clientWidth');
    if (overPx > 0) found.push(`${look}: the page is ${overPx} px wider than the window`);
  }
  await page.setViewportSize({ width: 1200, height: 800 });
  await page.emulateMedia({ colorScheme: 'light' });
  return found;
}

/** Every reading of the page fails once, alone: the page stands, says what failed and why, and reads it again when asked. */
export async function assertFailsInParts(stage: Stage, { page, watch }: Visit, place: PagePlace): Promise<void> {
  watch.allow(/status of 503/);
  const reads = new Set<string>();
  const note = (request: { url(): string; method(): string }): void => {
    const { pathname } = new URL(request.url());
    if (request.method() === 'GET' && pathname.startsWith('/v1/operator/') && pathname !== '/v1/operator/session') reads.add(pathname);
  };
  page.on('request', note);
  await goTo(stage, page, place);
  page.off('request', note);
  for (const path of reads) {
    const matches = (url: URL): boolean => url.pathname === path;
    const body = JSON.stringify({ type: 'about:blank', title: 'x', status: 503, code: 'DATABASE_UNAVAILABLE', message: 'the database cannot be reached', hint: 'wait a moment' });
    await page.route(matches, (route) => route.fulfill({ status: 503, contentType: 'application/problem+json', body }));
    await page.goto(stage.address(place.path));
    const failed = page.getByRole('alert').first();
    await failed.waitFor();
    assert.match((await failed.textContent()) ?? '', /could not be read/, `${place.name} without ${path}`);
    assert.ok(await page.locator('h1#title').isVisible(), `${place.name} stands without ${path}`);
    await page.unrouteAll({ behavior: 'wait' });
    // What was read for several cards is read again for all of them.
    await until(page, "(() => { for (const button of document.querySelectorAll('.failed button:enabled')) button.click(); return document.querySelector('.failed') === null; })()");
  }
}
