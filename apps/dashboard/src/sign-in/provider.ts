import type { Session } from '@godwit/wire/operators';
import { call } from '../api/call.ts';

/** The way to the OpenID provider and back. The tab keeps where its person wanted to be; all else is the coordinator's to remember. */

const wayBackName = 'godwit-way-back';

/** Leaves this page for the provider's; `to`: a path of this page. `fresh`: have it ask who it is even if it knows. Ends only by a Refusal. */
export async function goToProvider(to: string, fresh = false): Promise<never> {
  const { url } = await call('beginOidc', { body: { fresh } });
  sessionStorage.setItem(wayBackName, to);
  location.assign(url);
  return new Promise<never>(() => undefined);
}

/** Where who comes back wanted to be, as the sign-in page writes it: `?to=`. */
export function wayBackKept(): URLSearchParams {
  return new URLSearchParams({ to: sessionStorage.getItem(wayBackName) ?? '/' });
}

/** Signs in with what the provider sent along. Throws a Refusal. */
export function signInByProvider(query: string): Promise<Session> {
  return call('signInByOidc', { body: { query } });
}
