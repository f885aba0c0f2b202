import { deepEqual, equal, match, throws } from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, test } from 'node:test';
import { parseOidc } from './oidc-options.ts';
import { otherName, personOf } from './oidc-person.ts';

const told = { GODWIT_OIDC_ISSUER: 'https://id.example', GODWIT_OIDC_CLIENT_ID: 'godwit', GODWIT_OIDC_VIEWERS: 'staff, people', GODWIT_OIDC_OPERATORS: 'sre' };

describe('what a coordinator is told of an OpenID provider', () => {
  test('is nothing without an issuer; else all of it, with what is usual where nothing was said', () => {
    equal(parseOidc({}), undefined);
    equal(parseOidc({ ...told, GODWIT_OIDC_ISSUER: '' }), undefined);
    deepEqual(parseOidc(told), { issuer: 'https://id.example', clientId: 'godwit', clientSecret: undefined, name: 'id.example', scope: 'openid profile email', claim: 'groups', viewers: ['staff', 'people'], operators: ['sre'] });
  });

  test('has its secret from a file, where there is one', () => {
    const folder = mkdtempSync('/tmp/godwit-oidc-');
    try {
      writeFileSync(join(folder, 'secret'), 'of the file\n');
      equal(parseOidc({ ...told, GODWIT_OIDC_CLIENT_SECRET: 'of the environment', GODWIT_OIDC_CLIENT_SECRET_FILE: join(folder, 'secret') })?.clientSecret, 'of the file');
      throws(() => parseOidc({ ...told, GODWIT_OIDC_CLIENT_SECRET_FILE: join(folder, 'none') }), { code: 'COORDINATOR_OPTIONS' });
    } finally {
      rmSync(folder, { recursive: true });
    }
  });

  const wrong: Record<string, NodeJS.ProcessEnv> = {
    'plain HTTP elsewhere': { GODWIT_OIDC_ISSUER: 'http://id.example' },
    'no address': { GODWIT_OIDC_ISSUER: 'id.example' },
    'an address with a query': { GODWIT_OIDC_ISSUER: 'https://id.example?x=1' },
    'an address with a name and a password': { GODWIT_OIDC_ISSUER: 'https://a:b@id.example' },
    'no client': { GODWIT_OIDC_CLIENT_ID: '' },
    'nobody who may come in': { GODWIT_OIDC_VIEWERS: ' , ', GODWIT_OIDC_OPERATORS: '' },
    'a name with a control byte': { GODWIT_OIDC_NAME: 'a\u0007' },
  };
  for (const [what, values] of Object.entries(wrong)) {
    test(`${what} is refused`, () => throws(() => parseOidc({ ...told, ...values }), { code: 'COORDINATOR_OPTIONS' }));
  }
});

describe('whom an OpenID provider means', () => {
  const options = parseOidc(told)!;
  const claims = { iss: 'https://id.example', sub: 'u1', groups: ['staff'], preferred_username: 'mia' };

  test('the claim decides, in a list or alone, and what it does not have is no role', () => {
    for (const [groups, role] of [[['staff'], 'viewer'], [['staff', 'sre'], 'operator'], ['sre', 'operator'], [['sre '], undefined], [[['sre']], undefined], [{ sre: true }, undefined], ['staff,sre', undefined], [[], undefined], [undefined, undefined]] as const) {
      if (role === undefined) throws(() => personOf({ ...claims, groups }, options), { code: 'OIDC_REFUSED' }, JSON.stringify(groups));
      else equal(personOf({ ...claims, groups }, options).role, role, JSON.stringify(groups));
    }
  });

  test('a subject is a text of 1 to 255 characters', () => {
    for (const sub of ['', 'a'.repeat(256), 7, undefined]) throws(() => personOf({ ...claims, sub }, options), { code: 'OIDC_REFUSED' });
  });

  test('the name is what can be printed, of the first that has some, at most 64 characters', () => {
    const nameOf = (more: Record<string, unknown>): string => personOf({ ...claims, preferred_username: undefined, ...more }, options).name;
    equal(nameOf({ preferred_username: ' m\u0000ia\u202E ' }), 'mia');
    equal(nameOf({ preferred_username: '\u0007', email: 'mia@example.org' }), 'mia@example.org');
    equal(nameOf({ name: 'M'.repeat(70) }), 'M'.repeat(64));
    equal(nameOf({}), 'u1');
    const other = otherName({ ...personOf(claims, options), name: 'M'.repeat(64) });
    match(other, /^M{54} #[0-9a-f]{8}$/);
  });

  test('is fresh when the provider asked within five minutes of its own clock', () => {
    const fresh = (iat: unknown, signedIn: unknown): boolean => personOf({ ...claims, iat, auth_time: signedIn }, options).fresh;
    deepEqual([fresh(1000, 700), fresh(1000, 699), fresh(1000, undefined), fresh(undefined, 1000), fresh('1000', '1000')], [true, false, false, false, false]);
  });
});
