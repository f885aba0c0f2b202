import sodium from 'libsodium-wrappers';

/** Loads libsodium. Call once at the start of each process, before anything else of this library. */
export async function cryptoReady(): Promise<void> {
  await sodium.ready;
}

export { sodium };
