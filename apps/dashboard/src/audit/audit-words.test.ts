import { deepEqual, equal, match } from 'node:assert/strict';
import { describe, test } from 'node:test';
import { ByteCursor, bytesOfText, hexOf, textOfBytes } from './bytes.ts';
import { gapsIn, type CheckedRow, type LogVerdict } from './check.ts';
import { exportLines } from './export.ts';
import { auditAsk, isWhole, readAuditFilters } from './filters.ts';
import { jsonLine } from './json-lines.ts';
import type { AuditLeaf } from './leaf.ts';
import { namesOf } from './names.ts';
import { factsOf, matches } from './row-facts.ts';
import type { CheckedAnswer } from './session.ts';
import { readVisit, writeVisit } from './visit.ts';
import { actText, actorText, leafKinds, shortId, verdictText } from './words.ts';

const id = (digit: string): string => digit.repeat(32);
const leaf: AuditLeaf = { kind: 'desktop-taken-over', accountId: id('a'), hostId: id('b'), desktopId: id('c'), subject: id('d'), epoch: 3, sequence: null, digest: null, timeMs: 0, witnessed: false };
const names: Record<string, string> = { [id('b')]: 'laptop-b', [id('c')]: 'work' };
const nameOf = (of: string): string => names[of] ?? shortId(of);

describe('bytes in a browser', () => {
  test('are the same in base64url and back, and nothing else is taken', () => {
    const bytes = Uint8Array.from({ length: 256 }, (_, at) => at);
    deepEqual(bytesOfText(textOfBytes(bytes)), bytes);
    equal(textOfBytes(bytes), Buffer.from(bytes).toString('base64url'));
    equal(hexOf(bytes.slice(14, 18)), '0e0f1011');
    for (const text of ['a', 'ab=', 'a b', 'a+/b', 'ä']) {
      let refused = '';
      try {
        bytesOfText(text);
      } catch (error) {
        refused = (error as Error).name;
      }
      equal(refused, 'Refused', text);
    }
  });

  test('are not read past their end, nor as numbers that are not exact', () => {
    const read = (bytes: number[], how: (cursor: ByteCursor) => unknown): string => {
      try {
        return String(how(new ByteCursor(Uint8Array.from(bytes), 'it')));
      } catch (error) {
        return (error as Error).message;
      }
    };
    equal(read([1, 2], (cursor) => cursor.u16()), '258');
    equal(read([1], (cursor) => cursor.u16()), 'it ends too early');
    equal(read([0, 31, 255, 255, 255, 255, 255, 255], (cursor) => cursor.u53()), `${Number.MAX_SAFE_INTEGER}`);
    equal(read([0, 32, 0, 0, 0, 0, 0, 0], (cursor) => cursor.u53()), 'it has a number above 2^53');
  });
});

describe('the audit log in words', () => {
  test('says who did what, with names where they are known', () => {
    equal(`${actorText(leaf, nameOf)} ${actText(leaf, nameOf)}`, 'laptop-b took work over from dddddddd, epoch 3');
    equal(actorText({ ...leaf, hostId: null }, nameOf), 'the coordinator');
    equal(actText({ ...leaf, kind: 'moon-landed', desktopId: null }, nameOf), 'moon landed: a desktop');
  });

  test('has the names that came with its pages, and the first digits of an id where there is none', () => {
    const named = namesOf([{ answer: { names: [{ id: id('b'), name: 'laptop-b' }] } }, { answer: { names: [{ id: id('c'), name: 'work' }] } }]);
    deepEqual([named(id('b')), named(id('c')), named(id('d'))], ['laptop-b', 'work', 'dddddddd']);
  });

  test('has a sentence of its own for every kind', () => {
    const said = leafKinds.map((kind) => actText({ ...leaf, kind, sequence: 4 }, nameOf));
    equal(new Set(said).size, leafKinds.length);
    for (const sentence of said) match(sentence, /^[a-z][^?]+$/);
  });

  test('tells a first visit, growth, nothing new and a refusal apart', () => {
    const head = { audience: 'godwit', size: 12, root: new Uint8Array(32), timeMs: 0 };
    const say = (verdict: LogVerdict): string => verdictText(verdict, (timeMs) => `at ${timeMs}`);
    match(say({ state: 'first', head }), /has not seen this log before\. It trusts the key/);
    equal(say({ state: 'grown', head, since: { size: 9, atMs: 5 } }), 'Proven in this browser: since the last visit at 5 3 entries were added and none changed. The log has 12 entries.');
    match(say({ state: 'grown', head, since: { size: 12, atMs: 5 } }), /nothing was added/);
    match(say({ state: 'refused', why: 'rewound', text: 'it was rewound' }), /^Refused: it was rewound\. Nothing below counts\./);
  });
});

describe('a list of entries', () => {
  test('has no gap when every index is there', () => deepEqual(gapsIn([4, 3, 2, 1, 0], 5, true), []));

  test('shows what is missing above, inside and below', () => {
    deepEqual(gapsIn([3, 1], 5, false), [{ first: 4, last: 4 }, { first: 2, last: 2 }]);
    deepEqual(gapsIn([3, 2], 4, true), [{ first: 0, last: 1 }]);
    deepEqual(gapsIn([], 5, true), [{ first: 0, last: 4 }]);
  });
});

describe('what the browser keeps of a visit', () => {
  const visit = { logKey: 'k', audience: 'a', head: 'h', atMs: 5 };

  test('comes back as it was', () => deepEqual(readVisit(writeVisit(visit)), { state: 'kept', visit }));

  test('is told apart from a first visit where it is damaged', () => {
    deepEqual(readVisit(null), { state: 'none' });
    for (const text of ['', '{', 'null', '[]', '{"logKey":"k"}', '{"logKey":"k","audience":"a","head":"h","atMs":"5"}']) deepEqual(readVisit(text), { state: 'damaged' }, text);
  });
});

test('a line of the export has the fields, the verdict and what is needed to check it again', () => {
  const row = { index: 7, kind: leaf.kind, accountId: leaf.accountId, desktopId: leaf.desktopId, leaf: 'bGVhZg', inclusion: ['aGFzaA'] } as CheckedRow['row'];
  const source = { audience: 'godwit', logKey: 'key', head: 'head' };
  const read = JSON.parse(jsonLine({ state: 'proven', index: 7, leaf, row }, source)) as Record<string, unknown>;
  deepEqual([read['index'], read['proof'], read['kind'], read['time'], read['bytes'], read['head'], 'refused' in read, 'timeMs' in read], [7, 'proven', 'desktop-taken-over', '1970-01-01T00:00:00.000Z', 'bGVhZg', 'head', false, false]);
  const refused = JSON.parse(jsonLine({ state: 'refused', index: 7, leaf: null, text: 'why', row }, source)) as Record<string, unknown>;
  deepEqual([refused['proof'], refused['refused']], ['refused', 'why']);
});

describe('what the page shows of the log', () => {
  const row = { index: 7, kind: leaf.kind, accountId: leaf.accountId, desktopId: leaf.desktopId, leaf: 'bGVhZg', inclusion: [] } as unknown as CheckedRow['row'];
  const proven: CheckedRow = { state: 'proven', index: 7, leaf, row };
  const refused: CheckedRow = { state: 'refused', index: 6, leaf: null, text: 'why', row };

  test('is chosen by kind, account and desktop in the URL, and words that are none count as not said', () => {
    const filters = readAuditFilters(new URLSearchParams(`kind=host-added&account=${id('a')}&desktop=${id('c')}&search=x`));
    deepEqual([auditAsk(filters), isWhole(filters), filters.text], [{ kind: 'host-added', accountId: id('a'), desktopId: id('c') }, false, 'x']);
    const none = readAuditFilters(new URLSearchParams('kind=x&account=me&desktop=..'));
    deepEqual([auditAsk(none), isWhole(none)], [{}, true]);
  });

  test('is found by place, words, names, ids and digest', () => {
    const found = (text: string): boolean => matches(proven, text, 'laptop-b took work over');
    deepEqual(['', ' 7 ', 'TOOK WORK', id('d').slice(3), 'taken-over', 'nowhere'].map(found), [true, true, true, true, true, false]);
    deepEqual([matches(refused, '6', ''), matches(refused, 'laptop', '')], [true, false]);
  });

  test('has all fields of an entry, and only its bytes where they cannot be read', () => {
    deepEqual(factsOf(proven, nameOf).map(({ name, value }) => `${name} ${value}`), [
      'kind desktop-taken-over', `who laptop-b (${id('b')})`, `account ${id('a')}`, `desktop work (${id('c')})`, `subject dddddddd (${id('d')})`, 'epoch 3', 'bytes, base64url bGVhZg',
    ]);
    deepEqual(factsOf(refused, nameOf).map(({ name }) => name), ['bytes, base64url']);
  });

  test('is exported page by page to the end, with what is not proven counted', async () => {
    const asked: (string | undefined)[] = [];
    const { lines, refused: bad } = await exportLines((before) => {
      asked.push(before);
      return Promise.resolve({ rows: before === undefined ? [proven, refused] : [proven], answer: { audience: 'a', logKey: 'k', head: 'h', next: before === undefined ? 6 : null } } as unknown as CheckedAnswer);
    }, () => undefined);
    deepEqual([asked, lines.length, bad], [[undefined, '6'], 3, 1]);
  });
});
