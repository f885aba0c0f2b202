import { createHash, createSign, generateKeyPairSync, type KeyObject } from 'node:crypto';
import { isoCBOR } from '@simplewebauthn/server/helpers';
import { systemRandom } from '@godwit/base';

/** What a test may have go wrong in a ceremony. */
export interface Flaws {
  readonly origin?: string;
  readonly hostName?: string;
  readonly challenge?: string;
  readonly type?: string;
  /** The person was there, but did not say who it is. */
  readonly unverified?: boolean;
  /** Of the authenticator's use before: a copy of it. */
  readonly counterBack?: number;
  readonly userHandle?: string;
  readonly signature?: Buffer;
  readonly format?: string;
}

interface CreationOptions {
  readonly rp: { readonly id?: string };
  readonly user: { readonly id: string };
  readonly challenge: string;
}
interface RequestOptions {
  readonly rpId?: string;
  readonly challenge: string;
}
type Response = Record<string, never>;

/** An authenticator with one passkey (ES256) and the browser around it, as WebAuthn level 3 has them. */
export class TestAuthenticator {
  readonly credentialId = systemRandom(32);
  readonly #origin: string;
  readonly #privateKey: KeyObject;
  readonly #publicKey: Buffer;
  #userHandle: string | undefined;
  #counter = 0;

  constructor(origin: string) {
    this.#origin = origin;
    const { privateKey, publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
    const { x = '', y = '' } = publicKey.export({ format: 'jwk' });
    const cose = new Map<number, number | Uint8Array>([[1, 2], [3, -7], [-1, 1], [-2, Uint8Array.from(Buffer.from(x, 'base64url'))], [-3, Uint8Array.from(Buffer.from(y, 'base64url'))]]);
    this.#privateKey = privateKey;
    this.#publicKey = Buffer.from(isoCBOR.encode(cose));
  }

  /** The answer to `navigator.credentials.create`. */
  create(options: unknown, flaws: Flaws = {}): Response {
    const { rp, user, challenge } = options as CreationOptions;
    this.#userHandle = user.id;
    const attested = Buffer.concat([Buffer.alloc(16), Buffer.from([0, this.credentialId.length]), this.credentialId, this.#publicKey]);
    const authData = Buffer.concat([this.#authenticatorData(rp.id ?? '', flaws, 0x40), attested]);
    const attestation = new Map<string, string | Uint8Array | Map<string, never>>([['fmt', flaws.format ?? 'none'], ['attStmt', new Map<string, never>()], ['authData', Uint8Array.from(authData)]]);
    const response = { clientDataJSON: this.#clientData('webauthn.create', challenge, flaws).toString('base64url'), attestationObject: Buffer.from(isoCBOR.encode(attestation)).toString('base64url'), transports: ['internal'] };
    return this.#answer(response);
  }

  /** The answer to `navigator.credentials.get`. */
  get(options: unknown, flaws: Flaws = {}): Response {
    const { rpId = '', challenge } = options as RequestOptions;
    const authData = this.#authenticatorData(rpId, flaws, 0);
    const clientData = this.#clientData('webauthn.get', challenge, flaws);
    const signature = flaws.signature ?? createSign('sha256').update(Buffer.concat([authData, createHash('sha256').update(clientData).digest()])).sign(this.#privateKey);
    const userHandle = flaws.userHandle ?? this.#userHandle;
    return this.#answer({ clientDataJSON: clientData.toString('base64url'), authenticatorData: authData.toString('base64url'), signature: signature.toString('base64url'), userHandle });
  }

  #answer(response: object): Response {
    const id = this.credentialId.toString('base64url');
    return { id, rawId: id, type: 'public-key', clientExtensionResults: {}, response } as unknown as Response;
  }

  #clientData(type: string, challenge: string, flaws: Flaws): Buffer {
    return Buffer.from(JSON.stringify({ type: flaws.type ?? type, challenge: flaws.challenge ?? challenge, origin: flaws.origin ?? this.#origin, crossOrigin: false }));
  }

  /** Flags: the person was present (1) and verified (4). */
  #authenticatorData(hostName: string, { hostName: other, unverified, counterBack = 0 }: Flaws, flags: number): Buffer {
    this.#counter += 1;
    const rest = Buffer.alloc(5);
    rest[0] = flags | 1 | (unverified === true ? 0 : 4);
    rest.writeUInt32BE(this.#counter - counterBack, 1);
    return Buffer.concat([createHash('sha256').update(other ?? hostName).digest(), rest]);
  }
}
