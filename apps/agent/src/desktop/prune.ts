import { Fault } from '@godwit/base';
import { openPolicy, signPolicy, type Retention } from '@godwit/snapshot';
import { bytesOf, textOf, type ControlArguments, type ControlResult, type Desktop } from '@godwit/wire';
import type { Report } from '../daemon/control-server.ts';
import { compactDesktop } from './compact.ts';
import { findDesktop } from './find-desktop.ts';
import type { Host } from './host.ts';

/**
 * Gives the desktop a retention policy, signed by this host, and has the coordinator apply it; without rules, the one that it has.
 * Unless `confirmed`, only says what would happen. With `compact` a free desktop's newest checkpoint is rewritten first.
 */
export async function prune(host: Host, wish: ControlArguments<'prune'>, report: Report): Promise<ControlResult<'prune'>> {
  const { account, clock } = host;
  const { name, retention, confirmed } = wish;
  const desktop = await findDesktop(account, name);
  const compacted = wish.compact && confirmed ? await compactDesktop(host, desktop, report) : null;
  const { desktopId } = desktop;
  const policy = retention === null ? null : textOf(signPolicy({ ...retention, desktopId, signedMs: clock.wallMs() }, account.device));
  const answer = await account.coordinator.call('pruneDesktop', { params: { desktopId }, body: { policy, dryRun: !confirmed } });
  const { dropped, kept, waiting, locked, freed, graceMs } = answer;
  return { name, retention: answer.policy === null ? null : await checked(host, desktop, answer.policy), done: confirmed, dropped, kept, waiting, locked, freed, graceMs, compacted };
}

/** The coordinator's word for which policy it applied counts only with the signature of a device of the account. */
async function checked({ account }: Host, { desktopId, name }: Desktop, text: string): Promise<Retention> {
  const bytes = bytesOf(text);
  const { devices } = await account.refreshChain();
  const signer = [...devices.values()].find(({ device }) => bytes.includes(Buffer.from(device.hostId, 'hex')));
  if (signer === undefined) throw new Fault('POLICY_INVALID', { subject: name, expected: 'one signed by a device of the account' });
  const policy = openPolicy(bytes, signer.device.signPublic);
  if (policy.desktopId !== desktopId || policy.hostId !== signer.device.hostId) throw new Fault('POLICY_INVALID', { subject: name, expected: `a policy for desktop ${desktopId}`, found: `one for ${policy.desktopId}` });
  const { last, hourly, daily } = policy;
  return { last, hourly, daily };
}
