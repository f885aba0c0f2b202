import { startAuthentication, startRegistration } from '@simplewebauthn/browser';
import type { Session } from '@godwit/wire/operators';
import { call } from '../api/call.ts';
import { Refusal } from '../api/refusal.ts';

/** The two ceremonies between the browser, its passkeys and the coordinator. Both throw a Refusal. */

type Authentication = Parameters<typeof startAuthentication>[0]['optionsJSON'];
type Registration = Parameters<typeof startRegistration>[0]['optionsJSON'];

/** Signs in, or makes a session that is there fresh again. */
export async function signInWithPasskey(): Promise<Session> {
  const { ceremonyId, options } = await call('beginSignIn', { body: {} });
  const response = await asked(() => startAuthentication({ optionsJSON: options as unknown as Authentication }));
  return call('signIn', { body: { ceremonyId, response: plain(response) } });
}

/** Makes a passkey with a one-time code, and signs in. */
export async function makePasskey(code: string, name: string): Promise<Session> {
  const { ceremonyId, options } = await call('beginEnrol', { body: { code: code.trim(), name: name.trim() } });
  const response = await asked(() => startRegistration({ optionsJSON: options as unknown as Registration }));
  return call('enrolOperator', { body: { ceremonyId, response: plain(response) } });
}

type Plain = Parameters<typeof call<'signIn'>>[1]['body']['response'];

/** The library's answer has optional fields; on the wire there is only what is there. */
function plain(response: object): Plain {
  return JSON.parse(JSON.stringify(response)) as Plain;
}

async function asked<Response>(ask: () => Promise<Response>): Promise<Response> {
  try {
    return await ask();
  } catch (error) {
    const name = error instanceof Error ? error.name : '';
    if (name === 'InvalidStateError') throw new Refusal('PASSKEY_EXISTS', 'this device has a passkey for this coordinator already', 'sign in with it', 0);
    if (name === 'SecurityError') throw new Refusal('PASSKEY_ORIGIN', 'the browser gives no passkey to a page at this address', 'open the dashboard by the name that the coordinator printed: localhost, or its https address', 0);
    throw new Refusal('PASSKEY_NOT_GIVEN', 'the browser gave no passkey', 'try again, and choose the passkey that was made for this coordinator', 0);
  }
}
