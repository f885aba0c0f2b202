import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { stripVTControlCharacters } from 'node:util';
import { mayColour, paintFor } from './colours.ts';

describe('colours', () => {
  for (const [terminal, environment, wanted] of [
    [true, {}, true],
    [false, {}, false],
    [true, { NO_COLOR: '1' }, false],
    [true, { NO_COLOR: '' }, true],
    [true, { CLICOLOR: '0' }, false],
    [true, { CLICOLOR: '1' }, true],
    [true, { TERM: 'dumb' }, false],
    [true, { GODWIT_PLAIN: '1' }, false],
    [false, { CLICOLOR_FORCE: '1' }, true],
    [false, { CLICOLOR_FORCE: '0' }, false],
    [false, { CLICOLOR_FORCE: '1', CLICOLOR: '0' }, true],
    [true, { CLICOLOR_FORCE: '1', NO_COLOR: '1' }, false],
    [true, { CLICOLOR_FORCE: '1', GODWIT_PLAIN: '1' }, false],
  ] as const) {
    test(`${terminal ? 'terminal' : 'pipe'} ${JSON.stringify(environment)}: ${wanted ? 'yes' : 'no'}`, () => assert.equal(mayColour(terminal, environment), wanted));
  }

  test('are around the text and change none of it', () => {
    const paint = paintFor({ isTTY: true }, {});
    for (const mark of ['good', 'doubtful', 'bad', 'strong', 'faint'] as const) {
      assert.notEqual(paint(mark, 'running'), 'running');
      assert.equal(stripVTControlCharacters(paint(mark, 'running')), 'running');
    }
    assert.equal(paintFor({}, {})('bad', 'running'), 'running');
  });
});
