import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import fc from 'fast-check';
import { Fault, type FaultDetail, type FaultJson } from './fault.ts';
import { faultCodes, type FaultCode } from './fault-codes.ts';

const codes = Object.keys(faultCodes) as FaultCode[];
const overTheWire = (fault: Fault): Fault => Fault.fromJSON(JSON.parse(JSON.stringify(fault)) as FaultJson);

describe('Fault', () => {
  test('says what happened, to what, what had to be and what was found', () => {
    const message = (detail: FaultDetail): string => new Fault('CANCELLED', detail).message;
    assert.equal(message({}), 'the operation was cancelled');
    assert.equal(message({ subject: 'disk0' }), 'the operation was cancelled (disk0)');
    assert.equal(message({ expected: 'epoch 7' }), 'the operation was cancelled: expected epoch 7');
    assert.equal(message({ found: 'epoch 6' }), 'the operation was cancelled: found epoch 6');
    assert.equal(message({ expected: 'epoch 7', found: 'epoch 6', subject: 'disk0' }), 'the operation was cancelled (disk0): expected epoch 7, found epoch 6');
    assert.equal(message({ found: '' }), 'the operation was cancelled: found ');
  });

  test('carries kind and next step of the catalogue, or the better one it was given', () => {
    const fault = new Fault('BYTES_TRUNCATED');
    assert.deepEqual([fault.name, fault.kind, fault.hint], ['Fault', 'corrupt', faultCodes.BYTES_TRUNCATED.hint]);
    assert.equal(new Fault('BYTES_TRUNCATED', { hint: 'give a larger --disk' }).hint, 'give a larger --disk');
  });

  test('keeps its cause for the log, and out of its message and its JSON', () => {
    const fault = new Fault('INTERNAL', { cause: new Error('password is hunter2') });
    assert.equal((fault.cause as Error).message, 'password is hunter2');
    assert.doesNotMatch(fault.message + JSON.stringify(fault), /hunter2/);
    assert.equal('cause' in new Fault('INTERNAL'), false);
  });

  test('crosses a process boundary whole, its own next step included', () => {
    const text = fc.option(fc.string(), { nil: undefined });
    fc.assert(fc.property(fc.constantFrom(...codes), fc.record({ subject: text, expected: text, found: text, hint: text }), (code, detail) => {
      const fault = new Fault(code, Object.fromEntries(Object.entries(detail).filter(([, value]) => value !== undefined)));
      const rebuilt = overTheWire(fault);
      assert.ok(rebuilt instanceof Fault);
      assert.deepEqual(rebuilt.toJSON(), fault.toJSON());
      assert.equal(rebuilt.hint, detail.hint ?? faultCodes[code].hint);
    }));
  });

  test('JSON of a fault that has nothing to add has no empty fields', () => {
    assert.deepEqual(Object.keys(new Fault('CANCELLED').toJSON()), ['code', 'kind', 'message', 'hint']);
  });

  for (const code of ['FROM_A_NEWER_PEER', '', '__proto__', 'constructor', 'toString']) {
    test(`a code that is not known (${JSON.stringify(code)}) becomes INTERNAL and keeps what it says`, () => {
      const fault = Fault.fromJSON({ code, message: 'the moon is in the way: expected sun', expected: 'sun', hint: 'wait for the tide' });
      assert.deepEqual(fault.toJSON(), { code: 'INTERNAL', kind: 'internal', message: 'the moon is in the way: expected sun', expected: 'sun', hint: 'wait for the tide' });
    });
  }

  test('the kind is the catalogue\'s, whatever the peer says', () => {
    const json = { ...new Fault('CANCELLED').toJSON(), kind: 'fenced' as const };
    assert.equal(Fault.fromJSON(json).kind, 'conflict');
  });

  test('from gives a fault as it is, and anything else as INTERNAL without its text', () => {
    const fault = new Fault('CANCELLED');
    assert.equal(Fault.from(fault), fault);
    const error = new TypeError('key 00ff');
    const wrapped = Fault.from(error);
    assert.deepEqual([wrapped.code, wrapped.found, wrapped.cause], ['INTERNAL', 'TypeError', error]);
    assert.doesNotMatch(wrapped.message, /00ff/);
    for (const thrown of [undefined, null, 'text', 3]) assert.equal(Fault.from(thrown).code, 'INTERNAL');
  });
});

describe('the catalogue of faults', () => {
  for (const code of codes) {
    test(`${code} can be printed`, () => {
      const { title, hint } = faultCodes[code];
      assert.match(code, /^[A-Z][A-Z0-9]*(_[A-Z0-9]+)*$/);
      for (const text of [title, hint]) assert.match(text, /^\S(.*[^\s.])?$/, text);
    });
  }
});
