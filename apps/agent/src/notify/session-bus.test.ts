import { deepEqual, match } from 'node:assert/strict';
import { test } from 'node:test';
import { sessionBusOf, type Session } from './session-bus.ts';

const session = (change: Partial<Session>): Session => ({ environment: {}, uid: 1000, users: () => 'ada:x:1001:1002::/home/ada:/bin/sh\n', exists: () => true, busPath: (uid) => `/run/user/${uid}/bus`, ...change });
const refusalOf = (change: Partial<Session>): string => {
  const found = sessionBusOf(session(change));
  return 'refusal' in found ? found.refusal : '';
};

test('an agent in a session uses its bus; one without the variable that of its user', () => {
  deepEqual(sessionBusOf(session({ environment: { DBUS_SESSION_BUS_ADDRESS: 'unix:path=/x' } })), { address: 'unix:path=/x', as: undefined });
  deepEqual(sessionBusOf(session({})), { address: 'unix:path=/run/user/1000/bus', as: undefined });
});

test('a system service tells the one user that it was told of, as that user, and nobody else', () => {
  deepEqual(sessionBusOf(session({ uid: 0, environment: { GODWIT_NOTIFY_USER: 'ada' } })), { address: 'unix:path=/run/user/1001/bus', as: { uid: 1001, gid: 1002 } });
  match(refusalOf({ uid: 0 }), /GODWIT_NOTIFY_USER=NAME/);
  match(refusalOf({ uid: 0, environment: { GODWIT_NOTIFY_USER: 'bob' } }), /no user bob/);
});

test('a user who is not signed in has no session', () => match(refusalOf({ exists: () => false }), /no session of user 1000 \(\/run\/user\/1000\/bus\)/));
