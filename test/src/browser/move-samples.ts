import assert from 'node:assert/strict';
import type { Page } from 'playwright-core';
import { arrivePhases, departPhases } from '@godwit/wire';

/** What a page shows of moves that are under way, noted at every change of it. */

/** One bar as it stood: 0 to 1, null while the whole is not known, and the words around it. */
export interface Sample {
  readonly value: number | null;
  readonly text: string;
}

const noteEveryChange = `
  window.godwitSamples = [];
  window.godwitEnded = new Set([...document.querySelectorAll('main .move')].map((move) => move.querySelector('a').href));
  const note = () => {
    for (const bar of document.querySelectorAll('main progress')) {
      const told = bar.hasAttribute('value') ? bar.value / bar.max : null;
      const around = bar.closest('.move') ?? bar.parentElement;
      const sample = { value: told, text: around.textContent };
      // What had ended before is not what this is about.
      if (window.godwitEnded.has(around.querySelector('a').href)) continue;
      const last = window.godwitSamples.at(-1);
      if (last === undefined || last.value !== sample.value || last.text !== sample.text) window.godwitSamples.push(sample);
    }
  };
  new MutationObserver(note).observe(document.querySelector('main'), { subtree: true, childList: true, attributes: true, characterData: true });
  note();`;

export async function beginSampling(page: Page): Promise<void> {
  await page.evaluate(`(() => { ${noteEveryChange} })()`);
}

export async function samplesOf(page: Page): Promise<readonly Sample[]> {
  return await page.evaluate<readonly Sample[]>('window.godwitSamples');
}

const phaseNames = new RegExp(`\\b(${[...new Set([...departPhases, ...arrivePhases])].join('|')})\\b`, 'gi');

/** The samples are of one move of `kind` that got further and further, and how many values and phases were seen. */
export function assertOneMove(samples: readonly Sample[], kind: string): { readonly counts: number; readonly phases: readonly string[] } {
  assert.ok(samples.length > 2 && samples[0]!.text.includes('under way'), `${samples.length} samples`);
  assert.ok(samples.at(-1)!.text.includes('done') && samples.at(-1)!.value === 1, samples.at(-1)!.text);
  for (const { text } of samples) assert.ok(text.includes('work') && text.includes(kind), text);
  const values = samples.flatMap(({ value }) => (value === null ? [] : [value]));
  for (const [index, value] of values.entries()) assert.ok(value >= 0 && value <= 1 && value >= (values[index - 1] ?? 0), `progress ${values.slice(0, index + 1).join(', ')}`);
  return { counts: new Set(values).size, phases: [...new Set(samples.flatMap(({ text }) => [...text.matchAll(phaseNames)].map(([name]) => name.toLowerCase())))] };
}
