import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { Fault } from './fault.ts';
import { jsonLog, silentLog, type LogFields, type LogLevel } from './log.ts';

/** The one line that `fields` make, as text and as what a reader gets of it. */
function logged(fields: LogFields): { text: string; record: Record<string, unknown> } {
  const lines: string[] = [];
  jsonLog((line) => lines.push(line)).info('event-name', fields);
  assert.equal(lines.length, 1);
  const text = lines[0]!;
  assert.equal(text.indexOf('\n'), text.length - 1);
  return { text, record: JSON.parse(text) as Record<string, unknown> };
}

const shown = (value: unknown): unknown => logged({ value }).record['value'];

describe('jsonLog', () => {
  test('writes one line with time, level, event, bound fields and fields', () => {
    const lines: string[] = [];
    jsonLog((line) => lines.push(line)).with({ desktop: 'a' }).with({ move: 1 }).warn('slow', { pauseMs: 3, missing: undefined });
    const { time, ...rest } = JSON.parse(lines.join('')) as Record<string, unknown>;
    assert.ok(Math.abs(Date.parse(String(time)) - Date.now()) < 60_000);
    assert.deepEqual(rest, { level: 'warn', event: 'slow', desktop: 'a', move: 1, pauseMs: 3 });
  });

  test('writes what is at least as grave as asked for, bound or not', () => {
    const levels: LogLevel[] = ['debug', 'info', 'warn', 'error'];
    for (const [index, minimum] of levels.entries()) {
      const lines: string[] = [];
      const log = jsonLog((line) => lines.push(line), minimum).with({});
      for (const level of levels) log[level](level);
      assert.deepEqual(lines.map((line) => (JSON.parse(line) as { event: string }).event), levels.slice(index));
    }
  });

  test('a field cannot pass for the log\'s own', () => {
    const { record } = logged({ level: 'debug', event: 'other', time: 'never', kept: 1 });
    assert.deepEqual([record['level'], record['event'], record['kept']], ['info', 'event-name', 1]);
    assert.notEqual(record['time'], 'never');
  });

  test('shows a fault with its cause, and the cause of that', () => {
    const fault = new Fault('CANCELLED', { subject: 'disk0', cause: new Fault('INTERNAL', { cause: new TypeError('deepest') }) });
    const { code, subject, cause } = shown(fault) as { code: string; subject: string; cause: { code: string; cause: { name: string; message: string; stack: string } } };
    assert.deepEqual([code, subject, cause.code, cause.cause.name, cause.cause.message], ['CANCELLED', 'disk0', 'INTERNAL', 'TypeError', 'deepest']);
    assert.match(cause.cause.stack, /log\.test/);
  });

  test('shows the code of a system error and the parts of an aggregate', () => {
    const part = Object.assign(new Error('connect ECONNREFUSED ::1:80'), { code: 'ECONNREFUSED' });
    const { message, errors } = shown(new AggregateError([part, part])) as { message: string; errors: { code: string; message: string }[] };
    assert.equal(message, '');
    assert.deepEqual(errors.map(({ code, message: text }) => [code, text]), [['ECONNREFUSED', part.message], ['ECONNREFUSED', part.message]]);
  });

  test('shows bytes only by their length, wherever they stand', () => {
    const key = [0x6b, 0x65, 0x79, 0x21];
    for (const bytes of [Uint8Array.from(key), Buffer.from(key), new DataView(Uint8Array.from(key).buffer), Uint8Array.from(key).buffer, Uint32Array.of(0x6b657921)]) {
      assert.equal(shown(bytes), '4 bytes');
      const { text } = logged({ deep: [{ bytes }], error: new Fault('INTERNAL', { cause: bytes }) });
      assert.doesNotMatch(text, /107|6b65|key|1801812257/);
      assert.match(text, /"deep":\[\{"bytes":"4 bytes"\}\].*"cause":"4 bytes"/);
    }
  });

  test('asks an object that guards a secret what it shows of itself', () => {
    class Guarded {
      readonly bytes = Buffer.from('hunter2');
      toJSON(): string {
        return '[secret]';
      }
    }
    assert.equal(shown(new Guarded()), '[secret]');
    assert.doesNotMatch(logged({ error: new Fault('INTERNAL', { cause: { secret: new Guarded() } }) }).text, /hunter2|104/);
  });

  test('control bytes arrive escaped from every place a text can stand in', () => {
    const evil = 'a\u001b[2J\u202e\nb';
    const { text, record } = logged({ value: evil, list: [evil], error: new Fault('CANCELLED', { subject: evil, cause: new Error(evil) }) });
    assert.doesNotMatch(text.slice(0, -1), /[\p{Cc}\p{Bidi_Control}]|\\u001b|\\n/u);
    assert.equal(record['value'], 'a\\u{1b}[2J\\u{202e}\\u{a}b');
  });

  test('writes large integers', () => assert.equal(shown(2n ** 64n), '18446744073709551616'));

  test('a value that cannot be written does not harm the caller', () => {
    const circle: Record<string, unknown> = {};
    circle['self'] = circle;
    const error = new Error('a');
    error.cause = error;
    for (const value of [circle, error, { toJSON: () => { throw new Error('no'); } }]) {
      const { record } = logged({ value });
      assert.equal(record['event'], 'event-name');
      assert.equal(typeof record['unwritable'], 'string');
    }
  });
});

test('silentLog says nothing and binds to itself', () => {
  assert.equal(silentLog.with({ a: 1 }), silentLog);
  silentLog.error('nothing');
});
