import { Fault } from '@godwit/base';

/**
 * Where the dashboard's pages are, as browsers see it, without a slash at the end. Passkeys are bound to its host name, so there is one:
 * `http://localhost:PORT`, or the public one that the coordinator was told. Known once the coordinator listens.
 */
export class OwnOrigin {
  readonly public: string | undefined;
  #origin: string | undefined;

  constructor(publicOrigin: string | undefined) {
    this.public = publicOrigin;
    this.#origin = publicOrigin;
  }

  listensOn(port: number): void {
    this.#origin ??= `http://localhost:${port}`;
  }

  get text(): string {
    if (this.#origin === undefined) throw new Fault('INTERNAL', { expected: 'a coordinator that listens' });
    return this.#origin;
  }

  /** What passkeys are bound to. */
  get hostName(): string {
    return new URL(this.text).hostname;
  }
}

/** `https://name` or `https://name:port`; plain HTTP for localhost alone. Throws COORDINATOR_OPTIONS. */
export function parsePublicOrigin(text: string): string {
  const url = URL.parse(text);
  const plain = url !== null && (url.origin === text || `${url.origin}/` === text);
  const safe = url?.protocol === 'https:' || (url?.protocol === 'http:' && url.hostname === 'localhost');
  // WebAuthn takes no address for a name (web standard, "effective domain").
  const named = url !== null && !/^(\[.*\]|[0-9.]+)$/.test(url.hostname);
  if (url === null || !plain || !safe || !named) throw new Fault('COORDINATOR_OPTIONS', { subject: '--public-origin', expected: 'https://NAME or https://NAME:PORT', found: text });
  return url.origin;
}
