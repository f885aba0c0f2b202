import * as oidc from 'openid-client';
import { Fault } from '@godwit/base';
import { isLocal, type OidcOptions } from './oidc-options.ts';
import type { Claims } from './oidc-person.ts';

/** The provider as openid-client asks it: authorization code flow with PKCE, state and nonce; the ID token's signature is checked too. */

/** What a sign-in is known by again when the browser comes back. */
export interface Begun {
  readonly verifier: string;
  readonly nonce: string;
  readonly fresh: boolean;
}

/** On each call to the provider. */
const patienceSeconds = 10;
const answerMaxBytes = 1024 * 1024;
/** A sign-in at the provider counts for as long as a session here does. Not every provider keeps to it, or says when it was: who has no `auth_time` is not fresh, and that is all. */
const maxAgeSeconds = 12 * 60 * 60;

export class OidcProvider {
  readonly options: OidcOptions;
  readonly #redirectUri: () => string;
  #configuration: Promise<oidc.Configuration> | undefined;

  /** `redirectUri`: known once the coordinator listens. */
  constructor(options: OidcOptions, redirectUri: () => string) {
    [this.options, this.#redirectUri] = [options, redirectUri];
  }

  /** Where the browser is to go. Throws OIDC_UNAVAILABLE. */
  async addressFor(state: string, { verifier, nonce, fresh }: Begun): Promise<string> {
    const configuration = await this.#configured();
    const url = oidc.buildAuthorizationUrl(configuration, {
      redirect_uri: this.#redirectUri(),
      scope: this.options.scope,
      state,
      nonce,
      code_challenge: await oidc.calculatePKCECodeChallenge(verifier),
      code_challenge_method: 'S256',
      max_age: `${maxAgeSeconds}`,
      ...(fresh ? { prompt: 'login' } : {}),
    });
    return url.href;
  }

  /** Who it says it is: the ID token, and what is only in the user info. Throws OIDC_REFUSED, OIDC_UNAVAILABLE. */
  async claimsFrom(query: string, state: string, { verifier, nonce }: Begun): Promise<Claims> {
    const configuration = await this.#configured();
    const url = new URL(this.#redirectUri());
    url.search = query;
    try {
      const tokens = await oidc.authorizationCodeGrant(configuration, url, { pkceCodeVerifier: verifier, expectedState: state, expectedNonce: nonce, idTokenExpected: true });
      const claims = tokens.claims();
      if (claims === undefined) throw new Fault('OIDC_REFUSED', { expected: 'an ID token' });
      if (configuration.serverMetadata().userinfo_endpoint === undefined) return claims;
      return { ...(await oidc.fetchUserInfo(configuration, tokens.access_token, claims.sub)), ...claims };
    } catch (error) {
      throw faultIn(error) ?? new Fault('OIDC_REFUSED', { cause: error });
    }
  }

  /** Looked up when somebody first wants to sign in, so that a coordinator starts without its provider. */
  async #configured(): Promise<oidc.Configuration> {
    this.#configuration ??= this.#discover();
    try {
      return await this.#configuration;
    } catch (error) {
      this.#configuration = undefined;
      throw faultIn(error) ?? new Fault('OIDC_UNAVAILABLE', { subject: this.options.issuer, cause: error });
    }
  }

  #discover(): Promise<oidc.Configuration> {
    const issuer = new URL(this.options.issuer);
    const { clientId, clientSecret } = this.options;
    return oidc.discovery(issuer, clientId, undefined, clientSecret === undefined ? oidc.None() : oidc.ClientSecretBasic(clientSecret), {
      timeout: patienceSeconds,
      // eslint-disable-next-line @typescript-eslint/no-deprecated -- marked so to stand out; only for an issuer inside of this machine
      execute: [oidc.enableNonRepudiationChecks, ...(isLocal(issuer) ? [oidc.allowInsecureRequests] : [])],
      [oidc.customFetch]: fetchBounded,
    });
  }
}

/** A provider that is gone or in trouble is no refusal of the person, and its answer has a bound. */
async function fetchBounded(url: string, options: oidc.CustomFetchOptions): Promise<Response> {
  let response: Response;
  const parts: Uint8Array[] = [];
  try {
    response = await fetch(url, options);
    let lengthBytes = 0;
    for await (const part of (response.body ?? []) as AsyncIterable<Uint8Array>) {
      lengthBytes += part.byteLength;
      if (lengthBytes > answerMaxBytes) throw new Fault('OIDC_UNAVAILABLE', { expected: `an answer of at most ${answerMaxBytes} bytes` });
      parts.push(part);
    }
  } catch (error) {
    throw error instanceof Fault ? error : new Fault('OIDC_UNAVAILABLE', { subject: new URL(url).origin, cause: error });
  }
  if (response.status >= 500) throw new Fault('OIDC_UNAVAILABLE', { subject: new URL(url).origin, found: `status ${response.status}` });
  const { status, headers } = response;
  return new Response(parts.length === 0 ? null : Buffer.concat(parts), { status, headers });
}

/** The library wraps what its fetch throws. */
function faultIn(error: unknown): Fault | undefined {
  for (let each = error, depth = 0; each instanceof Error && depth < 8; each = each.cause, depth += 1) {
    if (each instanceof Fault) return each;
  }
  return undefined;
}
