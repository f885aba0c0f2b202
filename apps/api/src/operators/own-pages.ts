import type { IncomingHttpHeaders } from 'node:http';
import { Fault } from '@godwit/base';
import { sessionCookie } from '@godwit/wire';

/**
 * That a request comes from a page of this coordinator and of nobody else: what changes something names its origin, and no browser says
 * that another site's page is asking. The cookie's SameSite=Strict says the same once more, in the browser. Throws ORIGIN_REFUSED.
 */
export function requireOwnPage(method: string, headers: IncomingHttpHeaders, origin: string): void {
  const { origin: from } = headers;
  const site = headers['sec-fetch-site'];
  const reads = method === 'GET' || method === 'HEAD';
  // Browsers name no origin for a page's own reads; `none` is an address that a person typed.
  if (from === undefined ? !reads : from !== origin) throw refused(origin, from);
  if (site !== undefined && site !== 'same-origin' && !(reads && site === 'none')) throw refused(origin, `a page of another site`);
}

function refused(expected: string, found: string | undefined): Fault {
  return new Fault('ORIGIN_REFUSED', { expected, found: found ?? 'no Origin' });
}

/** The value of a cookie, or undefined: also where it comes twice, since `__Host-` cookies cannot. */
export function cookieOf(headers: IncomingHttpHeaders, name: string): string | undefined {
  const values = (headers.cookie ?? '').split(';').flatMap((pair) => {
    const [key, ...rest] = pair.trim().split('=');
    return key === name ? [rest.join('=')] : [];
  });
  return values.length === 1 ? values[0] : undefined;
}

/** Only this origin's pages send it, none of them reads it, and it goes over TLS or inside of this machine. */
const attributes = 'Path=/; Secure; HttpOnly; SameSite=Strict';

export function sessionCookieHeader(token: string, ageSeconds: number): string {
  return `${sessionCookie}=${token}; ${attributes}; Max-Age=${ageSeconds}`;
}

/** Of a browser that is at the OpenID provider: who comes back with another's answer has another cookie, or none. */
export const oidcCookie = '__Host-godwit-oidc';

export function oidcCookieHeader(browser: string, ageSeconds: number): string {
  return `${oidcCookie}=${browser}; ${attributes}; Max-Age=${ageSeconds}`;
}

export const noSessionCookieHeader = `${sessionCookie}=; ${attributes}; Max-Age=0`;
