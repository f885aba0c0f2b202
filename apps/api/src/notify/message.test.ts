import { deepEqual, equal, ok } from 'node:assert/strict';
import { test } from 'node:test';
import type { Notice } from './changes.ts';
import { letterOf, messageOf } from './message.ts';

const notice = (change: Notice['change'], text: string, severity: Notice['severity'] = 'high'): Notice => ({ change, id: text, code: 'HOST_LOST', severity, text, nextStep: 'Do it.', sinceMs: 1, accountId: null, desktopId: null, hostId: null });
const given = { type: 'attention' as const, id: '0a'.repeat(16), coordinator: 'https://godwit.test', timeMs: 5 };

test('a message says what happened in one text, and all of it in its list', () => {
  const notices = [notice('worse', 'laptop-1 is out of reach'), notice('new', 'work has no checkpoint', 'medium'), notice('gone', 'the store is full')];
  const message = messageOf({ ...given, notices });
  deepEqual(message.text.split('\n'), [
    'Godwit, 1 new, 1 worse, 1 gone: https://godwit.test/dashboard/', 'worse, high: laptop-1 is out of reach', '    Do it.', 'new, medium: work has no checkpoint', '    Do it.', 'gone: the store is full',
  ]);
  deepEqual([message.notices, message.id, message.timeMs], [notices, given.id, 5]);
  deepEqual(letterOf(message), { subject: '[Godwit] 1 new, 1 worse, 1 gone (1 high)', text: `${message.text}\n` });
});

test('the text stays short however many there are; a mail names all', () => {
  const message = messageOf({ ...given, notices: Array.from({ length: 100 }, (_, n) => notice('new', `laptop-${n} is gone`)) });
  ok(message.text.endsWith('\nand 80 more'));
  equal(message.text.split('\n').length, 1 + 2 * 20 + 1);
  equal(letterOf(message).text.split('\n').length, 1 + 2 * 100 + 1);
});

test('what comes from hosts calls nobody, writes no line of its own, and is in no subject', () => {
  const message = messageOf({ ...given, notices: [notice('new', '<!channel> a&b\r\nBcc: x@y\u202e')] });
  equal(message.text.split('\n')[1], 'new, high: &lt;!channel&gt; a&amp;b\\u{d}\\u{a}Bcc: x@y\\u{202e}');
  equal(letterOf(message).text.split('\n')[1], 'new, high: <!channel> a&b\\u{d}\\u{a}Bcc: x@y\\u{202e}');
  ok(!letterOf(message).subject.includes('channel'));
});

test('a test says that it is one', () => {
  const message = messageOf({ ...given, type: 'test', notices: [] });
  equal(message.text, 'Godwit, a test that somebody asked for: https://godwit.test/dashboard/');
  equal(letterOf(message).subject, '[Godwit] a test that somebody asked for');
});
