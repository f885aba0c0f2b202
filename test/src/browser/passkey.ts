import type { Page } from 'playwright-core';

/** A passkey as Chromium's virtual authenticator keeps it: bytes in base64. */
export interface Passkey {
  readonly credentialId: string;
  readonly isResidentCredential: boolean;
  readonly rpId?: string;
  readonly privateKey: string;
  readonly userHandle?: string;
  readonly signCount: number;
}

/** An authenticator as a laptop's own: it takes its person for the one who touched it. */
export interface Authenticator {
  /** What it keeps by now, to be put into another page's. */
  passkeys(): Promise<readonly Passkey[]>;
}

/** Gives a page an authenticator with `passkeys` on it. Chromium has one for each page, which goes with it. */
export async function addAuthenticator(page: Page, passkeys: readonly Passkey[] = []): Promise<Authenticator> {
  const session = await page.context().newCDPSession(page);
  await session.send('WebAuthn.enable');
  const { authenticatorId } = await session.send('WebAuthn.addVirtualAuthenticator', {
    options: { protocol: 'ctap2', transport: 'internal', hasResidentKey: true, hasUserVerification: true, isUserVerified: true, automaticPresenceSimulation: true },
  });
  for (const credential of passkeys) await session.send('WebAuthn.addCredential', { authenticatorId, credential });
  return { passkeys: async () => (await session.send('WebAuthn.getCredentials', { authenticatorId })).credentials };
}
