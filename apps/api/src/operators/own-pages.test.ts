import { doesNotThrow, equal, throws } from 'node:assert/strict';
import { test } from 'node:test';
import { Fault, systemRandom, type Clock } from '@godwit/base';
import { OneTime } from './one-time.ts';
import { parsePublicOrigin } from './own-origin.ts';
import { cookieOf, requireOwnPage } from './own-pages.ts';

const own = 'http://localhost:7420';

test('what changes something names its origin, and no browser says that another site asks', () => {
  const ask = (method: string, origin: string | undefined, site?: string) => () =>
    requireOwnPage(method, { ...(origin === undefined ? {} : { origin }), ...(site === undefined ? {} : { 'sec-fetch-site': site }) }, own);
  doesNotThrow(ask('POST', own, 'same-origin'));
  doesNotThrow(ask('POST', own));
  for (const site of [undefined, 'same-origin', 'none']) doesNotThrow(ask('GET', undefined, site));
  const foreign = ['http://localhost:7421', 'http://127.0.0.1:7420', 'https://localhost:7420', 'http://localhost', `${own}/`, `${own}.evil.example`, 'HTTP://LOCALHOST:7420', 'null', ''];
  for (const method of ['POST', 'GET']) for (const origin of foreign) throws(ask(method, origin, 'same-origin'), { code: 'ORIGIN_REFUSED' }, `${method} ${origin}`);
  for (const method of ['POST', 'PUT', 'DELETE', 'PATCH']) throws(ask(method, undefined, 'same-origin'), { code: 'ORIGIN_REFUSED' });
  for (const site of ['cross-site', 'same-site', 'something']) for (const method of ['GET', 'POST']) throws(ask(method, own, site), { code: 'ORIGIN_REFUSED' });
  throws(ask('POST', own, 'none'), { code: 'ORIGIN_REFUSED' });
});

test('a cookie has one value, or none', () => {
  const find = (cookie: string): string | undefined => cookieOf({ cookie }, '__Host-a');
  equal(find('b=1; __Host-a=x=y; c=2'), 'x=y');
  equal(find('__Host-a=x; __Host-a=y'), undefined);
  equal(find('__host-a=x; Host-a=x; x__Host-a=x'), undefined);
  equal(cookieOf({}, '__Host-a'), undefined);
});

test('a public origin is a name over TLS, or this machine', () => {
  for (const text of ['https://godwit.example', 'https://godwit.example:8443', 'http://localhost:8000']) equal(parsePublicOrigin(text), text);
  equal(parsePublicOrigin('https://godwit.example/'), 'https://godwit.example');
  const refused = ['http://godwit.example', 'https://10.0.0.1', 'https://[::1]', 'http://127.0.0.1:7420', 'https://godwit.example/x', 'https://a:b@godwit.example', 'https://godwit.example?x', 'godwit.example', 'ftp://godwit.example', ''];
  for (const text of refused) throws(() => parsePublicOrigin(text), { code: 'COORDINATOR_OPTIONS' }, text);
});

test('a thing that is good once is gone when it was taken, and after its time; what is full drops nothing', () => {
  let nowMs = 0;
  const clock = { bootMs: () => nowMs } as Clock;
  const things = new OneTime<number>(1000, clock, systemRandom);
  const name = things.put(1);
  equal(things.take(`${name.slice(1)}0`), undefined);
  equal(things.take(name), 1);
  equal(things.take(name), undefined);
  const [early, late] = [things.put(2), (nowMs = 999, things.put(3))];
  nowMs = 1000;
  equal(things.take(early), undefined);
  equal(things.take(late), 3);
  const first = things.put(0);
  for (let count = 1; count < 10_000; count += 1) things.put(count);
  throws(() => things.put(10_000), (error) => error instanceof Fault && error.code === 'RATE_LIMITED');
  equal(things.take(first), 0);
});
