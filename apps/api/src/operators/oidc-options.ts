import { readFileSync } from 'node:fs';
import { Fault } from '@godwit/base';

/** The OpenID provider that operators may sign in with. Of one that is an admin it knows nothing: admins are made by admins, here. */
export interface OidcOptions {
  /** Without a slash at the end unless the provider has one. */
  readonly issuer: string;
  readonly clientId: string;
  /** Undefined for a public client, which PKCE alone protects. */
  readonly clientSecret: string | undefined;
  /** The words of the button: "Sign in with NAME". */
  readonly name: string;
  readonly scope: string;
  /** The claim whose values decide the role: a text, or a list of texts. */
  readonly claim: string;
  /** Values of the claim that make somebody a viewer, an operator; who has one of both is an operator. */
  readonly viewers: readonly string[];
  readonly operators: readonly string[];
}

const secretMaxBytes = 4096;

/** From `GODWIT_OIDC_*`; undefined where no issuer is named. Throws COORDINATOR_OPTIONS. */
export function parseOidc(environment: NodeJS.ProcessEnv): OidcOptions | undefined {
  const value = (name: string): string | undefined => (environment[`GODWIT_OIDC_${name}`] === '' ? undefined : environment[`GODWIT_OIDC_${name}`]);
  const issuer = value('ISSUER');
  if (issuer === undefined) return undefined;
  const url = requireSafe(issuer);
  const clientId = value('CLIENT_ID');
  if (clientId === undefined) throw refused('CLIENT_ID', 'the name under which the provider knows this coordinator', 'none');
  const [viewers, operators] = [listOf(value('VIEWERS')), listOf(value('OPERATORS'))];
  if (viewers.length + operators.length === 0) throw refused('VIEWERS', 'who may come in, here or in GODWIT_OIDC_OPERATORS', 'nobody');
  const name = value('NAME') ?? url.hostname;
  if (!/^[^\p{C}]{1,64}$/u.test(name)) throw refused('NAME', '1 to 64 characters that can be printed', name);
  const file = value('CLIENT_SECRET_FILE');
  return { issuer, clientId, clientSecret: file === undefined ? value('CLIENT_SECRET') : readSecret(file), name, scope: value('SCOPE') ?? 'openid profile email', claim: value('CLAIM') ?? 'groups', viewers, operators };
}

function listOf(text = ''): string[] {
  return text.split(',').map((part) => part.trim()).filter((part) => part !== '');
}

/** Plain HTTP only inside of this machine: whoever can change the provider's answers is whoever they like. */
function requireSafe(issuer: string): URL {
  const url = URL.parse(issuer);
  if (url === null || !(url.protocol === 'https:' || isLocal(url)) || url.search !== '' || url.hash !== '' || url.username !== '') throw refused('ISSUER', "the provider's issuer, an https address", issuer);
  return url;
}

export function isLocal({ protocol, hostname }: URL): boolean {
  return protocol === 'http:' && isThisMachine(hostname);
}

/** `hostname`: as `URL` has it. */
export function isThisMachine(hostname: string): boolean {
  return ['localhost', '127.0.0.1', '[::1]'].includes(hostname);
}

function readSecret(path: string): string {
  try {
    const secret = readFileSync(path, 'utf8').trim();
    if (secret !== '' && secret.length <= secretMaxBytes) return secret;
  } catch (error) {
    throw refused('CLIENT_SECRET_FILE', 'a file that can be read', `${path}: ${(error as NodeJS.ErrnoException).code ?? 'unreadable'}`);
  }
  throw refused('CLIENT_SECRET_FILE', `a secret of 1 to ${secretMaxBytes} characters`, path);
}

function refused(name: string, expected: string, found: string): Fault {
  return new Fault('COORDINATOR_OPTIONS', { subject: `GODWIT_OIDC_${name}`, expected, found });
}
