import type { BrowserContext, Page } from 'playwright-core';
import { sessionCookie } from '@godwit/wire';
import type { Stage, Visit } from './stage.ts';

/** What operators do at the pages, by what they see and read there. */

/** Where the coordinator sends the first operator, and with which code: as it prints them. */
export async function printedInvite({ house }: Stage): Promise<{ readonly url: string; readonly code: string }> {
  for (let waitedMs = 0; ; waitedMs += 50) {
    const line = house.coordinatorSaid.split('\n').find((each) => each.includes('"firstOperator"'));
    if (line !== undefined) return (JSON.parse(line) as { firstOperator: { url: string; code: string } }).firstOperator;
    if (waitedMs > 60_000) throw new Error(`the coordinator printed no code: ${house.coordinatorSaid}`);
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}

/** Makes a passkey with a code; afterwards the overview is there. */
export async function enrol(page: Page, { url, code, name }: { readonly url: string; readonly code: string; readonly name: string }): Promise<void> {
  await page.goto(url);
  await page.getByLabel('One-time code').fill(code);
  await page.getByLabel('Your name').fill(name);
  await page.getByRole('button', { name: 'Make a passkey' }).click();
  await heading(page, 'Overview').waitFor();
}

/** The first operator, an admin; whoever visits the stage from now on has their passkey. */
export async function enrolFirst(stage: Stage, name = 'Ada'): Promise<void> {
  await stage.visit({}, async ({ page, context, authenticator }) => {
    await enrol(page, { ...(await printedInvite(stage)), name });
    stage.passkeys = await authenticator.passkeys();
    await keepSession(stage, context);
  });
}

/** Goes to a page by way of the sign-in. */
export async function signIn(stage: Stage, { page, context }: Visit, path = '/'): Promise<void> {
  await page.goto(stage.address(path));
  await page.getByRole('button', { name: 'Sign in with a passkey' }).click();
  await connection(page).waitFor();
  await keepSession(stage, context);
}

async function keepSession(stage: Stage, context: BrowserContext): Promise<void> {
  stage.session = (await context.cookies()).find(({ name }) => name === sessionCookie)?.value ?? '';
}

/** Goes to a page with the session of the last sign-in: whoever signs in too often is told to wait, and a fast machine would. */
export async function comeIn(stage: Stage, { page, context }: Visit, path = '/'): Promise<void> {
  const browser = await context.newCDPSession(page);
  await browser.send('Network.setCookie', { name: sessionCookie, value: stage.session, url: stage.origin, path: '/', secure: true, httpOnly: true, sameSite: 'Strict' });
  await page.goto(stage.address(path));
  await connection(page).waitFor();
}

export const heading = (page: Page, title: string | RegExp) => page.getByRole('heading', { level: 1, name: title });
/** What the top of each page says of the connection. */
export const connection = (page: Page) => page.locator('.connection');

/** Waits until the page is live and has read all that it shows. */
export async function settled(page: Page): Promise<void> {
  await connection(page).getByText('Live', { exact: true }).first().waitFor();
  await until(page, "document.querySelector('[aria-busy=true], .loading') === null");
}

/** Waits until an expression is true in the page. (Playwright's own way has the page evaluate text, which its policy forbids.) */
export async function until(page: Page, expression: string): Promise<void> {
  for (let waitedMs = 0; !(await page.evaluate<boolean>(expression)); waitedMs += 50) {
    if (waitedMs > 60_000) throw new Error(`it never came to: ${expression}`);
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}
