import { existsSync, mkdirSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import type { Page } from 'playwright-core';

/** The pictures in docs/screenshots. A run of the tests leaves those that are there alone, so that it leaves the checkout as it was. */

const folder = resolve(import.meta.dirname, '../../../docs/screenshots');
/** Set to anything, it has all of them taken anew. */
const anewVariable = 'GODWIT_PICTURES';
export const pictureLimitBytes = 80_000;
const qualities = [85, 75, 65, 55, 45, 35] as const;

/** Takes a picture of what the window shows, where it is missing or asked for. Throws when it cannot be made small enough. */
export async function takePicture(page: Page, name: string): Promise<void> {
  const path = join(folder, `${name}.jpg`);
  if (existsSync(path) && (process.env[anewVariable] ?? '') === '') return;
  mkdirSync(folder, { recursive: true });
  for (const quality of qualities) {
    const picture = await page.screenshot({ type: 'jpeg', quality, animations: 'disabled', caret: 'hide' });
    if (picture.length > pictureLimitBytes) continue;
    writeFileSync(path, picture);
    return;
  }
  throw new Error(`the picture ${name} does not fit into ${pictureLimitBytes} bytes`);
}
