import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import type { Page } from 'playwright-core';

/** axe over a page as it stands. */

const source = readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8');

interface Violation {
  readonly id: string;
  readonly impact: string | null;
  readonly help: string;
  readonly nodes: readonly { readonly target: readonly unknown[]; readonly failureSummary?: string }[];
}

/** Fails with what axe calls serious or critical, each with its places. `where`: for the message. */
export async function assertAccessible(page: Page, where: string): Promise<void> {
  const found = await seriousFindings(page);
  assert.deepEqual(found, [], `axe on ${where}`);
}

/** Dark differs from light in its colours alone: then only what axe says of colours is asked. */
const rules = { all: '{}', colours: "{ runOnly: ['color-contrast', 'link-in-text-block'] }" } as const;

/** The debugger puts axe into the page, which the page's own policy would not allow it to ask for. */
export async function seriousFindings(page: Page, about: keyof typeof rules = 'all'): Promise<string[]> {
  await page.evaluate(`if (window.axe === undefined) { ${source} }`);
  const violations = await page.evaluate<readonly Violation[]>(`axe.run(document, { resultTypes: ['violations'], ...${rules[about]} }).then(({ violations }) => JSON.parse(JSON.stringify(violations)))`);
  return violations
    .filter(({ impact }) => impact === 'serious' || impact === 'critical')
    .map(({ id, help, nodes }) => `${id}: ${help}: ${nodes.slice(0, 4).map(({ target, failureSummary }) => `${target.join(' ')} (${(failureSummary ?? '').replace(/\s+/g, ' ').slice(0, 200)})`).join('; ')}`);
}
