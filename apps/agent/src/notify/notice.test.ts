import { deepEqual, doesNotMatch, equal } from 'node:assert/strict';
import { test } from 'node:test';
import { noticeOf, type Happening } from './notice.ts';
import { notifyWords } from './notifications.ts';

/** Each happening, and the first line that its person reads. */
const table: readonly (readonly [Happening, string, 'normal' | 'critical'])[] = [
  [{ kind: 'safe', name: 'work', sequence: 4 }, 'work is safe: you can close the lid', 'normal'],
  [{ kind: 'saved-here', name: 'work', reason: 'the store is away' }, 'work is saved on this machine only', 'critical'],
  [{ kind: 'not-suspended', name: 'work', message: 'no room', unknown: false, runs: true }, 'work was not suspended', 'critical'],
  [{ kind: 'not-suspended', name: 'work', message: 'no answer', unknown: true, runs: false }, 'Do not close the lid: nobody knows yet whether work is safe', 'critical'],
  [{ kind: 'departure-asked', name: 'work', by: 'laptop-b' }, 'laptop-b asks for work', 'normal'],
  [{ kind: 'arrival-ordered', name: 'work', by: 'laptop-b' }, 'laptop-b sends work here', 'normal'],
  [{ kind: 'taken-over', name: 'work', by: 'laptop-b' }, 'work was taken over by laptop-b', 'critical'],
  [{ kind: 'taken-over', name: 'work', by: null }, 'work was taken over', 'critical'],
  [{ kind: 'copy-kept', name: 'work', keptAs: 'work.left-laptop-a' }, 'What was here of work is kept', 'normal'],
  [{ kind: 'lid-free', name: 'work', capMs: 120_000 }, 'work is still on its way after 120 s', 'critical'],
  [{ kind: 'host-joined', host: 'laptop-c' }, 'laptop-c is now a host of your account', 'normal'],
  [{ kind: 'host-revoked' }, 'A host of your account was revoked', 'normal'],
];

for (const [happening, title, urgency] of table) {
  test(`${happening.kind}: ${title}`, () => {
    const notice = noticeOf(happening);
    deepEqual([notice.title, notice.urgency], [title, urgency]);
    equal(notice.subject, 'name' in happening ? 'desktop work' : 'account', 'what takes whose place');
  });
}

test('only what is safe says that the lid may be closed', () => {
  for (const [happening] of table.filter(([{ kind }]) => kind !== 'safe')) doesNotMatch(`${noticeOf(happening).title} ${noticeOf(happening).text}`, /can close the lid/, happening.kind);
});

test('a name cannot reorder the line, end an argument or be markup', () => {
  const { title } = noticeOf({ kind: 'host-joined', host: "x\u202e\u0007'\\" });
  equal(title, "x\\u{202e}\\u{7}'\\ is now a host of your account");
  const words = notifyWords({ subject: '', title: "it's \\", text: '<b>&', urgency: 'critical' }, 5);
  deepEqual(words, ["'Godwit'", 'uint32 5', "''", "'it\\'s \\\\'", "'&lt;b&gt;&amp;'", '@as []', "{'urgency': <byte 2>}", 'int32 -1']);
});
