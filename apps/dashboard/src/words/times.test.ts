import assert from 'node:assert/strict';
import { test } from 'node:test';
import { absoluteText, isoText, zoneText } from './times.ts';

const atMs = Date.UTC(2026, 10, 21, 15, 4, 5);

test("a time is shown in the viewer's zone, which has a name, and copied as ISO 8601", () => {
  assert.equal(absoluteText(atMs, 'Europe/Berlin'), '2026-11-21 16:04:05');
  assert.equal(absoluteText(atMs, 'America/New_York'), '2026-11-21 10:04:05');
  assert.equal(zoneText(atMs, 'Europe/Berlin'), 'Europe/Berlin (UTC+01:00)');
  assert.equal(zoneText(atMs, 'UTC'), 'UTC (UTC)');
  assert.equal(isoText(atMs), '2026-11-21T15:04:05.000Z');
});
