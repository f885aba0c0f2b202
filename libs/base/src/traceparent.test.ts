import assert from 'node:assert/strict';
import { test } from 'node:test';
import { systemRandom } from './ports.ts';
import { newTraceparent, traceIdOf } from './traceparent.ts';

test('a traceparent of ours is read back, each trace is another, and zeros are none', () => {
  const [one, other] = [newTraceparent(systemRandom), newTraceparent(systemRandom)];
  assert.match(one, /^00-[0-9a-f]{32}-[0-9a-f]{16}-01$/);
  assert.equal(traceIdOf(one), one.slice(3, 35));
  assert.notEqual(traceIdOf(one), traceIdOf(other));
  assert.equal(traceIdOf(newTraceparent((lengthBytes) => Buffer.alloc(lengthBytes))), '1'.padStart(32, '0'));
});

test('what is no traceparent has no trace', () => {
  const [trace, span] = ['a'.repeat(32), 'b'.repeat(16)];
  assert.equal(traceIdOf(`00-${trace}-${span}-00`), trace);
  for (const text of [undefined, 7, '', trace, `00-${trace}-${span}`, `01-${trace}-${span}-01`, `00-${trace.toUpperCase()}-${span}-01`, `00-${trace}-${span}-01\n`, `00-${'0'.repeat(32)}-${span}-01`, `00-${trace}-${'0'.repeat(16)}-01`]) {
    assert.equal(traceIdOf(text), undefined, String(text));
  }
});
