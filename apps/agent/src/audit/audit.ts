import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { Fault, type DesktopId } from '@godwit/base';
import { decodeLeaf, leafHash, openWitness, verifyConsistency, verifyInclusion, type ChainState, type SignedTreeHead } from '@godwit/crypto';
import { bytesOf, textOf, type ControlResult } from '@godwit/wire';
import type { Account } from '../account/account.ts';
import type { Home } from '../home.ts';
import { checkReceipt, parseReceipt } from './receipt.ts';
import { replay, type PlacedLeaf } from './replay.ts';

/** An answer is one line on the control socket. */
const listedMax = 1000;

/** Downloads the account's own leaves, proves each, replays them against what this host knows, and compares what hosts swore they saw. */
export async function audit(account: Account, home: Home): Promise<ControlResult<'audit'>> {
  const head = await account.logWatch.contact();
  const chain = await account.refreshChain();
  const leaves = await ownLeaves(account, head);
  const findings = replay(leaves, { chain, histories: await histories(account, head), receipts: receiptsOf(account, home) });
  findings.push(...(await compareWitnesses(account, chain, head, leaves)));
  const nameOf = (hostId: string | null): string | null => (hostId === null ? null : (chain.devices.get(hostId as never)?.name ?? hostId.slice(0, 8)));
  const newest = leaves.slice(-listedMax).map(({ index, leaf: { kind, hostId, desktopId, subject, epoch, sequence, digest, timeMs } }) => ({
    index, kind, host: nameOf(hostId), desktopId, subject, epoch, sequence, digest: digest?.toString('hex') ?? null, timeMs,
  }));
  const shown = { size: head.size, root: head.root.toString('hex'), timeMs: head.timeMs, signed: textOf(head.bytes) };
  return { head: shown, leaves: leaves.length, newest, findings: findings.slice(0, listedMax), good: findings.length === 0 };
}

async function ownLeaves({ coordinator }: Account, head: SignedTreeHead): Promise<PlacedLeaf[]> {
  const leaves: PlacedLeaf[] = [];
  for (let from: number | null = 0; from !== null; ) {
    const page: Awaited<ReturnType<typeof coordinator.call<'listLeaves'>>> = await coordinator.call('listLeaves', { query: { from: String(from), size: String(head.size) } });
    for (const { index, leaf, inclusion } of page.leaves) {
      const bytes = bytesOf(leaf);
      verifyInclusion({ index, size: head.size, leaf: leafHash(bytes), proof: inclusion.map(bytesOf), root: head.root });
      leaves.push({ index, leaf: decodeLeaf(bytes) });
    }
    if (page.next !== null && page.next <= from) throw new Fault('COORDINATOR_ANSWER_REFUSED', { expected: `leaves after ${from}`, found: `${page.next}` });
    from = page.next;
  }
  return leaves;
}

/** Checkpoints that came after `head` was signed are none of it. */
async function histories({ coordinator }: Account, head: SignedTreeHead): Promise<Map<DesktopId, Map<number, string>>> {
  const { desktops } = await coordinator.call('listDesktops', {});
  const found = new Map<DesktopId, Map<number, string>>();
  for (const { desktopId } of desktops) {
    const { checkpoints } = await coordinator.call('listCheckpoints', { params: { desktopId }, query: {} });
    found.set(desktopId, new Map(checkpoints.filter(({ acknowledgedMs }) => acknowledgedMs < head.timeMs).map(({ sequence, digest }) => [sequence, bytesOf(digest).toString('hex')])));
  }
  return found;
}

function receiptsOf(account: Account, home: Home): PlacedLeaf[] {
  const directory = join(home.directory, 'receipts');
  if (!existsSync(directory)) return [];
  const files = readdirSync(directory, { recursive: true, encoding: 'utf8' }).filter((file) => file.endsWith('.json'));
  return files.map((file) => checkReceipt(parseReceipt(readFileSync(join(directory, file), 'utf8')), account.logWatch.key));
}

/** What other hosts had seen when they committed is a beginning of what is shown here. */
async function compareWitnesses({ coordinator, logWatch }: Account, chain: ChainState, head: SignedTreeHead, leaves: readonly PlacedLeaf[]): Promise<string[]> {
  const findings: string[] = [];
  const compared = new Set<string>();
  for (const { index, leaf } of leaves.slice(-listedMax)) {
    const writer = leaf.hostId === null ? undefined : chain.devices.get(leaf.hostId);
    if (leaf.kind !== 'checkpoint-committed' || leaf.digest === null) continue;
    try {
      if (writer === undefined) throw new Fault('DEVICE_UNKNOWN', { subject: leaf.hostId ?? 'nobody' });
      const seen = openWitness(leaf.witness ?? Buffer.alloc(0), { hostId: writer.device.hostId, signPublic: writer.device.signPublic, digest: leaf.digest }, logWatch.key);
      const name = `${seen.size} ${seen.root.toString('hex')}`;
      if (compared.has(name)) continue;
      const { consistency } = await coordinator.call('readConsistency', { query: { from: String(seen.size), to: String(head.size) } });
      verifyConsistency({ from: seen.size, fromRoot: seen.root, to: head.size, toRoot: head.root, proof: consistency.map(bytesOf) });
      compared.add(name);
    } catch (error) {
      const fault = Fault.from(error);
      if (fault.kind === 'unavailable') throw fault;
      findings.push(`leaf ${index}: ${writer?.name ?? 'a host'} saw another log: ${fault.message} [${fault.code}]`);
    }
  }
  return findings;
}
