import { Fault } from '@godwit/base';
import { sha256 } from '@godwit/crypto';
import type { Role } from '@godwit/wire';
import type { OidcOptions } from './oidc-options.ts';

/** Who a provider says somebody is, as the coordinator takes it. Pure. */

export type Claims = Readonly<Record<string, unknown>>;
export type GivenRole = Exclude<Role, 'admin'>;

export interface OidcPerson {
  readonly issuer: string;
  readonly subject: string;
  readonly role: GivenRole;
  readonly name: string;
  /** The provider has asked them who they are just now, and not only remembered it. */
  readonly fresh: boolean;
}

/** As OpenID Connect Core 1.0 bounds it (section 2). */
const subjectMax = 255;
const nameMax = 64;
/** How long before its token a sign-in at the provider may be, in seconds, to count as one of now. */
const freshSeconds = 300;

/** Throws OIDC_REFUSED for whom the provider gives no role here. The claims' signature, issuer, audience and times have been checked. */
export function personOf(claims: Claims, options: OidcOptions): OidcPerson {
  const { iss, sub } = claims;
  if (typeof iss !== 'string' || typeof sub !== 'string' || sub === '' || sub.length > subjectMax) throw new Fault('OIDC_REFUSED', { expected: 'an issuer and a subject' });
  const role = roleOf(claims, options);
  if (role === undefined) throw new Fault('OIDC_REFUSED', { expected: `a value of the claim ${options.claim} that has a role here`, found: 'none' });
  return { issuer: iss, subject: sub, role, name: nameOf(claims) ?? sub.slice(0, nameMax), fresh: isFresh(claims) };
}

function roleOf(claims: Claims, { claim, viewers, operators }: OidcOptions): GivenRole | undefined {
  const value = claims[claim];
  const values: readonly unknown[] = Array.isArray(value) ? value : [value];
  const has = (wanted: readonly string[]): boolean => wanted.some((each) => values.includes(each));
  if (has(operators)) return 'operator';
  return has(viewers) ? 'viewer' : undefined;
}

/** What their colleagues know them by; of what cannot be printed there is nothing in it. */
function nameOf(claims: Claims): string | undefined {
  for (const each of [claims['preferred_username'], claims['email'], claims['name']]) {
    if (typeof each !== 'string') continue;
    const name = each.replace(/\p{C}/gu, '').trim().slice(0, nameMax).trim();
    if (name !== '') return name;
  }
  return undefined;
}

/** Both times are the provider's, so no two clocks are compared. */
function isFresh({ iat, auth_time: signedIn }: Claims): boolean {
  return typeof iat === 'number' && typeof signedIn === 'number' && iat - signedIn <= freshSeconds;
}

/** For somebody whose name another operator has already: never that one, whatever the provider calls them. */
export function otherName({ name, issuer, subject }: OidcPerson): string {
  return `${name.slice(0, nameMax - 10)} #${sha256(Buffer.from(`${issuer} ${subject}`, 'utf8')).toString('hex').slice(0, 8)}`;
}
