import { chromium, type Browser } from 'playwright-core';

/** Debian's Chromium, as infra/bootstrap/browser.mjs installs it. */

const program = '/usr/bin/chromium';
const flags = ['--disable-background-networking', '--disable-component-update', '--disable-sync', '--no-first-run', '--disable-gpu', '--disable-quic'];

/** A browser without a window; its caller closes it. Throws what Chromium said when it does not start. */
export async function openChromium(): Promise<Browser> {
  // Its sandbox refuses to be built by root; who is not root has it.
  const sandboxed = process.getuid?.() !== 0;
  return await chromium.launch({ executablePath: program, args: flags, chromiumSandbox: sandboxed });
}
