import { deepEqual, equal } from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { Fault } from '@godwit/base';
import { faultOf, problem, problemOf, statusOf } from './problem.ts';
import { base64urlLength, boundedBytes, bytesOf, desktopName, epoch, exactBytes, hostName, objectKey, textOf } from './index.ts';

const accepts = (schema: { safeParse(value: unknown): { success: boolean } }, value: unknown): boolean => schema.safeParse(value).success;

test('bytes come back as they were, in one spelling', () => {
  fc.assert(
    fc.property(fc.uint8Array({ minLength: 1, maxLength: 40 }), (bytes) => {
      const text = textOf(bytes);
      deepEqual(bytesOf(text), Buffer.from(bytes));
      equal(text.length, base64urlLength(bytes.length));
      equal(accepts(boundedBytes(40), text), true);
      equal(accepts(exactBytes(bytes.length), text), true);
      equal(accepts(exactBytes(bytes.length + 1), text), false);
    }),
  );
});

test('no text is accepted that decodes to bytes of another spelling', () => {
  fc.assert(
    fc.property(fc.string({ unit: fc.constantFrom(...'ABCDwxyz0189-_+/= \n'.split('')), maxLength: 12 }), (text) => {
      if (accepts(boundedBytes(9), text)) equal(textOf(bytesOf(text)), text);
    }),
  );
});

test('the longest bytes are accepted, one more is not', () => {
  for (const limit of [1, 2, 3, 4, 31, 32, 33, 1024]) {
    equal(accepts(boundedBytes(limit), textOf(Buffer.alloc(limit))), true, `${limit}`);
    equal(accepts(boundedBytes(limit), textOf(Buffer.alloc(limit + 1))), false, `${limit} + 1`);
  }
  equal(accepts(boundedBytes(4), ''), false);
});

test('names, keys and numbers: what is accepted and what is not', () => {
  for (const name of ['a', 'Work-2.old_x', 'x'.repeat(63)]) equal(accepts(desktopName, name), true, name);
  for (const name of ['', '.', '-a', 'a/b', 'a b', 'ä', 'a\n', 'x'.repeat(64), 'a\u0000']) equal(accepts(desktopName, name), false, name);
  for (const name of ["Anna's laptop", 'büro', '書斎', 'x'.repeat(64)]) equal(accepts(hostName, name), true, name);
  for (const name of ['', 'a\u001b[2J', 'a\nb', 'a\u202eb', 'x'.repeat(65)]) equal(accepts(hostName, name), false, JSON.stringify(name));
  for (const key of ['a', 'd-1/e-2/p-3']) equal(accepts(objectKey, key), true, key);
  for (const key of ['', '/a', 'a/', 'a//b', '..', 'a/../b', 'A', 'a%2e', 'a.b', 'a\\b', 'a'.repeat(257)]) equal(accepts(objectKey, key), false, key);
  for (const value of [0, -1, 1.5, 2 ** 53, Number.NaN, '1', null]) equal(accepts(epoch, value), false, String(value));
  equal(accepts(epoch, Number.MAX_SAFE_INTEGER), true);
});

test('a fault crosses the wire with everything but its cause', () => {
  const fault = new Fault('DESKTOP_HELD_ELSEWHERE', { expected: 'a free desktop', found: 'laptop-b', cause: new Error('secret') });
  const body = JSON.parse(JSON.stringify(problemOf(fault))) as unknown;
  equal(problem.safeParse(body).success, true);
  equal(JSON.stringify(body).includes('secret'), false);
  deepEqual(faultOf(409, body).toJSON(), fault.toJSON());
  equal(statusOf('EPOCH_FENCED'), 412);
  equal(faultOf(502, '<html>').code, 'COORDINATOR_ANSWER_REFUSED');
  equal(faultOf(500, { code: 'x' }).code, 'COORDINATOR_ANSWER_REFUSED');
  const long = problemOf(new Fault('REQUEST_INVALID', { found: 'x'.repeat(10_000) }));
  equal(problem.safeParse(long).success, true);
});
