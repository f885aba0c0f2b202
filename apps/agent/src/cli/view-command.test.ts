import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { wayToShow } from './view-command.ts';

const everything = (): boolean => true;

describe('how a screen is shown', () => {
  test('in the viewer of the system where there is a display and one that takes a Unix socket', () => {
    assert.deepEqual(wayToShow({}, { DISPLAY: ':0' }, everything), { kind: 'viewer', program: 'xtigervncviewer' });
    assert.deepEqual(wayToShow({ browser: true }, { DISPLAY: ':0' }, everything), { kind: 'browser', program: 'xdg-open' });
    assert.deepEqual(wayToShow({}, { WAYLAND_DISPLAY: 'wayland-0' }, (program) => program === 'xdg-open'), { kind: 'browser', program: 'xdg-open' });
  });

  test('as a link where nothing can be opened, and where somebody else reads it', () => {
    for (const environment of [{}, { DISPLAY: '' }]) assert.deepEqual(wayToShow({ browser: true }, environment, everything), { kind: 'print' });
    assert.deepEqual(wayToShow({}, { DISPLAY: ':0' }, () => false), { kind: 'print' });
    for (const options of [{ json: true }, { print: true }]) assert.deepEqual(wayToShow(options, { DISPLAY: ':0' }, everything), { kind: 'print' });
  });
});
