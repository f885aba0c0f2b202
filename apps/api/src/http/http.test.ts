import { deepEqual, doesNotThrow, equal, throws } from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { Fault, type AccountId, type Clock } from '@godwit/base';
import { jsonDepthLimit } from '@godwit/wire';
import { parseRange } from '../objects/range.ts';
import { checkUrl, signUrl, type Permission } from '../objects/signed-url.ts';
import { parseCommandLine } from '../options.ts';
import { parseJson } from './body.ts';
import { RateLimit } from './rate-limit.ts';

test('JSON is read to the limit of its depth and no deeper; brackets in strings do not count', () => {
  const nested = (depth: number): Buffer => Buffer.from('['.repeat(depth) + ']'.repeat(depth));
  doesNotThrow(() => parseJson(nested(jsonDepthLimit)));
  throws(() => parseJson(nested(jsonDepthLimit + 1)), { code: 'REQUEST_INVALID' });
  deepEqual(parseJson(Buffer.from(JSON.stringify({ a: '[{"\\'.repeat(50) }))), { a: '[{"\\'.repeat(50) });
  fc.assert(fc.property(fc.jsonValue({ maxDepth: 5 }), (value) => deepEqual(parseJson(Buffer.from(JSON.stringify(value))), JSON.parse(JSON.stringify(value)))));
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 64 }), (bytes) => {
      try {
        parseJson(Buffer.from(bytes));
      } catch (error) {
        equal((error as Fault).code, 'REQUEST_INVALID');
      }
    }),
  );
});

test('a bucket gives its burst, then its rate; one greedy address does not use up the total', () => {
  let nowMs = 0;
  const clock: Clock = { workMs: () => nowMs, wallMs: () => 0, bootMs: () => 0 };
  const limit = new RateLimit({ burst: 3, perSecond: 1 }, { burst: 5, perSecond: 1 }, clock);
  const taken = (address: string, times: number): number => {
    let count = 0;
    for (let time = 0; time < times; time += 1) {
      try {
        limit.take(address);
        count += 1;
      } catch (error) {
        equal((error as Fault).code, 'RATE_LIMITED');
      }
    }
    return count;
  };
  equal(taken('a', 100), 3);
  equal(taken('b', 100), 2);
  nowMs = 2000;
  equal(taken('a', 100), 2);
  nowMs = 1_000_000;
  equal(taken('c', 100), 3);
});

test('a range is what RFC 9110 says it is', () => {
  deepEqual(parseRange('bytes=0-4', 10), { first: 0, last: 4 });
  deepEqual(parseRange('bytes=5-', 10), { first: 5, last: 9 });
  deepEqual(parseRange('bytes=-3', 10), { first: 7, last: 9 });
  deepEqual(parseRange('bytes=-30', 10), { first: 0, last: 9 });
  for (const ignored of [undefined, '', 'bytes=-', 'bytes=4-2', 'bytes=0-1,3-4', 'lines=1-2', 'bytes=a-b', 'bytes= 0-1']) equal(parseRange(ignored, 10), undefined, ignored);
  for (const outside of ['bytes=10-', 'bytes=10-12', 'bytes=-0', 'bytes=999999999999999-']) throws(() => parseRange(outside, 10), { code: 'OBJECT_RANGE_REFUSED' }, outside);
  throws(() => parseRange('bytes=0-0', 0), { code: 'OBJECT_RANGE_REFUSED' });
});

const urlKey = Buffer.alloc(32, 5);
const permission: Permission = { operation: 'put', accountId: 'ab'.repeat(16) as AccountId, key: 'd-1/p-2', expiresMs: 5000, lengthBytes: 10, sha256: Buffer.alloc(32, 9).toString('base64url') };

test('a signed URL gives its permission back until it expires', () => {
  const url = signUrl(permission, urlKey);
  deepEqual(checkUrl(url, urlKey, 4999), permission);
  throws(() => checkUrl(url, urlKey, 5000), { code: 'URL_EXPIRED' });
  throws(() => checkUrl(url, Buffer.alloc(32, 6), 0), { code: 'URL_REFUSED' });
});

test('a URL with any character changed, added or removed is refused', () => {
  const url = signUrl(permission, urlKey);
  fc.assert(
    fc.property(fc.nat(url.length - 1), fc.constantFrom('replace', 'insert', 'remove'), fc.constantFrom(...'0aZ-_&=%?/#+'.split('')), (at, how, character) => {
      const altered = url.slice(0, at) + (how === 'remove' ? '' : character) + url.slice(how === 'insert' ? at : at + 1);
      if (altered !== url) throws(() => checkUrl(altered, urlKey, 0), { code: 'URL_REFUSED' });
    }),
    { numRuns: 500 },
  );
});

test('the command line is understood or refused', () => {
  const line = parseCommandLine(['--data', '/d', '--listen', '[::1]:80', '--json'], {}, false);
  deepEqual([line.dataDirectory, line.listen, line.json, line.databaseUrl], ['/d', { host: '::1', port: 80 }, true, undefined]);
  equal(parseCommandLine([], {}, true).dataDirectory, '/var/lib/godwit-coordinator');
  equal(parseCommandLine([], { GODWIT_COORDINATOR_DATA: '/e', DATABASE_URL: 'postgres://x' }, true).dataDirectory, '/e');
  deepEqual([parseCommandLine([], {}, true).metrics, parseCommandLine([], { GODWIT_COORDINATOR_METRICS: '' }, true).metrics], [undefined, undefined]);
  deepEqual(parseCommandLine(['--metrics', '127.0.0.1:9420'], { GODWIT_COORDINATOR_METRICS: '[::1]:1' }, true).metrics, { host: '127.0.0.1', port: 9420 });
  deepEqual(parseCommandLine([], { GODWIT_COORDINATOR_METRICS: '[::1]:1' }, true).metrics, { host: '::1', port: 1 });
  for (const argv of [['x'], ['--metrics', '9420'], ['--data'], ['--listen', '80'], ['--listen', 'a:99999'], ['--log', 'loud']]) {
    throws(() => parseCommandLine(argv, {}, false), (error) => error instanceof Fault && error.code === 'COORDINATOR_OPTIONS', argv.join(' '));
  }
});
