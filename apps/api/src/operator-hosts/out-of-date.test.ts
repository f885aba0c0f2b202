import { deepEqual } from 'node:assert/strict';
import { test } from 'node:test';
import { isOutOfDate } from './out-of-date.ts';

test('an agent may be one minor version behind its coordinator, and no major one', () => {
  const cases = [
    ['1.4.0', '1.4.9', false], ['1.3.9', '1.4.0', false], ['1.2.9', '1.4.0', true], ['0.9.0', '1.0.0', true], ['2.0.0', '1.9.0', false], ['1.5.0', '1.4.0', false],
    ['1.4.0-rc.1', '1.4.0', false], ['1.10.0', '1.11.0', false], ['1.9.0', '1.11.0', true], ['unknown', '1.0.0', true], ['', '1.0.0', true], ['1.0', '1.0.0', true],
  ] as const;
  deepEqual(cases.map(([agent, coordinator]) => [agent, coordinator, isOutOfDate(agent, coordinator)]), cases);
});
