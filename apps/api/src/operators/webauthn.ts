import {
  generateAuthenticationOptions, generateRegistrationOptions, verifyAuthenticationResponse, verifyRegistrationResponse,
  type AuthenticationResponseJSON, type RegistrationResponseJSON, type WebAuthnCredential,
} from '@simplewebauthn/server';
import { COSEALG, decodeAttestationObject, isoBase64URL } from '@simplewebauthn/server/helpers';
import { Fault, idToBytes, type AnyId } from '@godwit/base';

/** WebAuthn as @simplewebauthn does it, held to one set of rules: discoverable passkeys, the user verified, no attestation. */

/** What a ceremony must be of. */
export interface Expected {
  /** Base64url, as it was in the options. */
  readonly challenge: string;
  readonly origin: string;
  readonly hostName: string;
}

/** A passkey as it is kept. */
export interface Passkey {
  readonly credentialId: Buffer;
  readonly publicKey: Buffer;
  readonly counter: number;
  readonly transports: readonly string[];
}

/** What a browser sent, of which nothing is known yet. */
export type Response = Readonly<Record<string, unknown>>;

const algorithms: number[] = [COSEALG.EdDSA, COSEALG.ES256, COSEALG.RS256];
const transportsMax = 8;
const credentialIdMaxBytes = 1023;

export async function registrationOptions(hostName: string, operator: { readonly operatorId: string; readonly name: string }, known: readonly Buffer[]) {
  return generateRegistrationOptions({
    rpName: 'Godwit',
    rpID: hostName,
    userName: operator.name,
    userDisplayName: operator.name,
    userID: Uint8Array.from(idToBytes(operator.operatorId as AnyId)),
    attestationType: 'none',
    excludeCredentials: known.map((id) => ({ id: id.toString('base64url') })),
    authenticatorSelection: { residentKey: 'required', requireResidentKey: true, userVerification: 'required' },
    supportedAlgorithmIDs: algorithms,
  });
}

/** The same for everybody: it names no passkey, so it tells nobody who there is. */
export async function signInOptions(hostName: string) {
  return generateAuthenticationOptions({ rpID: hostName, allowCredentials: [], userVerification: 'required' });
}

/** The passkey that a browser made. Throws PASSKEY_REFUSED, whatever is wrong. */
export async function verifyRegistration(response: Response, expected: Expected): Promise<Passkey> {
  return refusing(async () => {
    const answer = response as unknown as RegistrationResponseJSON;
    requireNoCertificates(answer.response.attestationObject);
    const { verified, registrationInfo } = await verifyRegistrationResponse({
      response: answer,
      expectedChallenge: expected.challenge,
      expectedOrigin: expected.origin,
      expectedRPID: expected.hostName,
      requireUserVerification: true,
      supportedAlgorithmIDs: algorithms,
    });
    if (!verified) throw new Error('not verified');
    const { id, publicKey, counter, transports = [] } = registrationInfo.credential;
    const credentialId = Buffer.from(id, 'base64url');
    if (credentialId.length > credentialIdMaxBytes) throw new Error('a credential id that is too long');
    return { credentialId, publicKey: Buffer.from(publicKey), counter, transports: transports.slice(0, transportsMax).map((text) => text.slice(0, 32)) };
  });
}

/** Certificates would make the library ask the servers that they name; none were asked for. */
function requireNoCertificates(attestationObject: string): void {
  const attestation = decodeAttestationObject(isoBase64URL.toBuffer(attestationObject));
  const format = attestation.get('fmt');
  const selfSigned = format === 'packed' && attestation.get('attStmt').get('x5c') === undefined;
  if (format !== 'none' && !selfSigned) throw new Error(`attestation ${format}`);
}

/** Which passkey a browser says it signed with. Throws PASSKEY_REFUSED. */
export function credentialIdOf({ id }: Response): Buffer {
  if (typeof id !== 'string' || !/^[A-Za-z0-9_-]{1,1364}$/.test(id)) throw new Fault('PASSKEY_REFUSED');
  return Buffer.from(id, 'base64url');
}

/** What the authenticator's counter says now. Throws PASSKEY_REFUSED, also for a counter that did not go up. */
export async function verifySignIn(response: Response, passkey: Passkey, operatorId: string, expected: Expected): Promise<number> {
  return refusing(async () => {
    const answer = response as unknown as AuthenticationResponseJSON;
    const { userHandle } = answer.response;
    if (userHandle !== undefined && !Buffer.from(userHandle, 'base64url').equals(idToBytes(operatorId as AnyId))) throw new Error('the passkey of another operator');
    const credential: WebAuthnCredential = { id: passkey.credentialId.toString('base64url'), publicKey: Uint8Array.from(passkey.publicKey), counter: passkey.counter };
    const { verified, authenticationInfo } = await verifyAuthenticationResponse({
      response: answer,
      expectedChallenge: expected.challenge,
      expectedOrigin: expected.origin,
      expectedRPID: expected.hostName,
      credential,
      requireUserVerification: true,
    });
    if (!verified) throw new Error('not verified');
    return authenticationInfo.newCounter;
  });
}

/** The library says in words of its own what is wrong, and falls over shapes that it did not expect: to whoever asks, all of it is one refusal. */
async function refusing<Result>(work: () => Promise<Result>): Promise<Result> {
  try {
    return await work();
  } catch (error) {
    throw new Fault('PASSKEY_REFUSED', { cause: error });
  }
}
