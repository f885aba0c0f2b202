import type { IncomingMessage } from 'node:http';
import { Inject, Injectable } from '@nestjs/common';
import { Fault, type Clock } from '@godwit/base';
import { requestHeaders, sha256, verifyRequest, type DevicePublic, type VerifiedRequest } from '@godwit/crypto';
import { HostsRepository } from '../hosts/hosts.repository.ts';
import { Nonces } from '../hosts/nonces.ts';
import { clockToken } from '../tokens.ts';
import { Coordinator } from '../coordinator-identity.ts';
import type { Caller } from './caller.ts';

/** Express rewrites `url` below mounted routers; what was signed is the request line. */
type Received = IncomingMessage & { readonly originalUrl?: string };

/** Says who signed a request. Every answer is a caller or a fault; each nonce is good once. */
@Injectable()
export class Signatures {
  readonly #hosts: HostsRepository;
  readonly #nonces: Nonces;
  readonly #clock: Clock;
  readonly #coordinator: Coordinator;

  constructor(@Inject(HostsRepository) hosts: HostsRepository, @Inject(Nonces) nonces: Nonces, @Inject(clockToken) clock: Clock, @Inject(Coordinator) coordinator: Coordinator) {
    this.#hosts = hosts;
    this.#nonces = nonces;
    this.#clock = clock;
    this.#coordinator = coordinator;
  }

  /** The enrolled host that signed. Throws one of `signedFaults` (libs/wire). */
  async callerOf(request: Received, body: Uint8Array): Promise<Caller> {
    requireHeaders(request);
    const named = request.headers[requestHeaders.host];
    const host = typeof named === 'string' && /^[0-9a-f]{32}$/.test(named) ? await this.#hosts.find(named) : undefined;
    if (host === undefined) throw new Fault('HOST_UNKNOWN');
    const { hostId, nonce } = await this.#verify(request, body, host.signPublic);
    const { fresh, current, barred } = await this.#nonces.spend(hostId, nonce);
    if (!fresh) throw new Fault('REQUEST_REPLAYED');
    if (current === undefined) {
      this.#hosts.forget(hostId);
      throw new Fault('HOST_UNKNOWN');
    }
    if (!current) throw new Fault('HOST_REVOKED');
    if (barred) throw new Fault('HOST_BARRED');
    return host;
  }

  /** That `device`, which no chain holds yet, signed the request itself: proof that the sender has the keys it names. */
  async requireSelf(request: Received, body: Uint8Array, device: DevicePublic): Promise<void> {
    requireHeaders(request);
    if (request.headers[requestHeaders.host] !== device.hostId) throw new Fault('REQUEST_SIGNATURE_REFUSED', { expected: 'the signature of the device that the request names' });
    const { hostId, nonce } = await this.#verify(request, body, device.signPublic);
    const { fresh, barred } = await this.#nonces.spend(hostId, nonce);
    if (!fresh) throw new Fault('REQUEST_REPLAYED');
    if (barred) throw new Fault('HOST_BARRED');
  }

  async #verify(request: Received, body: Uint8Array, signPublic: Uint8Array): Promise<VerifiedRequest> {
    const path = request.originalUrl ?? request.url ?? '';
    const check = { publicKeyOf: () => signPublic, nowMs: this.#clock.wallMs(), audience: this.#coordinator.audience };
    try {
      return await verifyRequest(request.headers, request.method ?? '', path, sha256(body), check);
    } catch (error) {
      if (error instanceof Fault && error.code === 'SIGNATURE_INVALID') throw new Fault('REQUEST_SIGNATURE_REFUSED', { cause: error });
      throw error;
    }
  }
}

function requireHeaders(request: IncomingMessage): void {
  for (const name of Object.values(requestHeaders)) {
    if (request.headers[name] === undefined) throw new Fault('REQUEST_UNSIGNED', { expected: `the header ${name}` });
  }
}
