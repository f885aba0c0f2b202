import { readFileSync } from 'node:fs';
import { Fault } from '@godwit/base';
import { cryptoReady } from '@godwit/crypto';
import { bytesOf, type ReceiptFinding } from '@godwit/wire';
import { loadSettings } from '../account/settings.ts';
import { checkReceipt, parseReceipt } from '../audit/receipt.ts';
import type { Home } from '../home.ts';

/** Checks a receipt with nothing but this machine's files: neither coordinator nor agent is asked. */
export async function checkReceiptFile(path: string, home: Home): Promise<ReceiptFinding> {
  await cryptoReady();
  const receipt = parseReceipt(read(path));
  const settings = loadSettings(home);
  const key = settings ?? receipt;
  const { index, leaf, head } = checkReceipt(receipt, { audience: key.audience, signPublic: bytesOf(key.logKey) });
  const { kind, accountId, hostId, desktopId, epoch, sequence, digest, timeMs } = leaf;
  if (settings !== undefined && settings.accountId !== accountId) throw new Fault('RECEIPT_INVALID', { expected: `a leaf of account ${settings.accountId}`, found: accountId });
  return { good: true, index, kind, accountId, hostId, desktopId, epoch, sequence, digest: digest?.toString('hex') ?? null, timeMs, logSize: head.size, keyKnown: settings !== undefined, logKey: key.logKey };
}

export function receiptText(found: ReceiptFinding): string {
  const what = [found.kind, ...(found.sequence === null ? [] : [`checkpoint ${found.sequence}`]), ...(found.epoch === null ? [] : [`epoch ${found.epoch}`]), ...(found.desktopId === null ? [] : [`desktop ${found.desktopId.slice(0, 8)}`])];
  return [
    `The receipt holds: ${what.join(', ')}, ${new Date(found.timeMs).toLocaleString()}, leaf ${found.index} of a log of ${found.logSize}.`,
    found.keyKnown ? 'Signed with the log key that this host learnt.' : `This machine has learnt no log key; the receipt is signed with ${found.logKey}: compare it with a host of the account.`,
  ].join('\n');
}

function read(path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch (error) {
    throw new Fault('RECEIPT_INVALID', { subject: path, cause: error });
  }
}
