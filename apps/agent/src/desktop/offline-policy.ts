import { Fault, type DesktopId } from '@godwit/base';
import { signOfflinePolicy } from '@godwit/crypto';
import { textOf, wakeAnswerMs, type ControlArguments, type ControlResult, type Desktop, type OfflineMode } from '@godwit/wire';
import { acceptPolicy, type AcceptedPolicy } from '../account/accept-policy.ts';
import { OutcomeUnknown } from '../account/coordinator.ts';
import type { SeenPolicy } from '../account/policy-memory.ts';
import { findDesktop } from './find-desktop.ts';
import type { Host } from './host.ts';
import type { LocalDesktop } from './local-desktop.ts';

/** Between attempts to have a policy stored whose outcome is not known. */
const againMs = 500;
const attempts = 6;

/** `godwit policy`: what becomes of a desktop without word from the coordinator, and with `offline` from now on another thing. `here`: where this host holds it. */
export async function offlinePolicy(host: Host, { name, offline }: ControlArguments<'policy'>, here: LocalDesktop | undefined): Promise<ControlResult<'policy'>> {
  const { account } = host;
  await account.refreshChain();
  const remote = await findDesktop(account, name);
  const before = await currentPolicy(host, remote, offline, here);
  const told = (mode: OfflineMode, changed: boolean, signedBy = before.signedBy, signedMs = before.offlineSignedMs): ControlResult<'policy'> => ({ name, offline: mode, signedBy, signedMs: signedBy === null ? null : signedMs, changed });
  if (offline === null || (offline === before.offline && before.signedBy !== null)) return told(before.offline, false);
  if (remote.owner !== null && here === undefined && remote.owner.hostId !== account.device.hostId) throw new Fault('DESKTOP_HELD_ELSEWHERE', { subject: name, found: `it on ${remote.owner.name}`, hint: `change it there, or suspend it first` });
  const signed = signPolicy(host, remote.desktopId, offline);
  if (here === undefined) await storePolicy(host, remote.desktopId, signed);
  else await inTurn(here, () => (offline === 'stop' ? becomeStrict(host, here, signed) : becomeLenient(host, here, signed)));
  return told(offline, true, account.settings.hostName, signed.signedMs);
}

/**
 * Of a new desktop that is to be strict from the beginning, as its record says already: signed once, stored as often as it takes. Throws
 * OutcomeUnknown where the coordinator is out of reach, for it has the desktop by now.
 */
export async function storeFirstPolicy(host: Host, desktop: LocalDesktop): Promise<void> {
  const { desktopId, offline } = desktop.record;
  const { policies } = host.account;
  const signed = policies.seen(desktopId) ?? signPolicy(host, desktopId, offline);
  await desktop.update({ offlineSignedMs: signed.signedMs });
  await policies.remember(desktopId, signed);
  try {
    await offer(host, desktopId, signed.policy);
  } catch (error) {
    const { code, kind, subject } = Fault.from(error);
    throw kind === 'unavailable' ? new OutcomeUnknown(code, { ...(subject === undefined ? {} : { subject }), cause: error }) : error;
  }
}

/** Desktops whose policy is being changed or mended. */
const changing = new Map<LocalDesktop, Promise<void>>();

/** Mending reads what a change is about to write, so one never runs beside the other. */
async function inTurn(desktop: LocalDesktop, work: () => Promise<void>): Promise<void> {
  while (changing.has(desktop)) await changing.get(desktop)!.catch(() => undefined); // Told to whoever began it.
  const turn = work();
  changing.set(desktop, turn);
  try {
    await turn;
  } finally {
    changing.delete(desktop);
  }
}

/** The coordinator holds a desktop leniently that is strict here: this sees to it, in the background. Told of with every answer, it does nothing while it is at it. */
export function mendPolicy(host: Host, desktop: LocalDesktop): void {
  if (changing.has(desktop)) return;
  inTurn(desktop, () => reconcile(host, desktop)).catch((error: unknown) => host.log.warn('policy-not-mended', { desktop: desktop.record.desktopId, error }));
}

/**
 * If the user made it so, by a later policy than the one known here, it is
 * followed; else the coordinator gets the policy again, as it was signed.
 */
async function reconcile(host: Host, desktop: LocalDesktop): Promise<void> {
  const { account, leases } = host;
  const { desktopId } = desktop.record;
  await account.refreshChain();
  const remote = await account.coordinator.call('readDesktop', { params: { desktopId } });
  const accepted = await acceptOrOffer(host, desktop, remote);
  if (accepted === undefined) return;
  const { offline, offlineSignedMs } = accepted;
  if (offline === desktop.record.offline) return;
  await desktop.update({ offline, offlineSignedMs });
  await leases.followPolicy(desktop);
}

/** Undefined: what is stored there is older than what was signed here, which it was given again. */
async function acceptOrOffer(host: Host, { record }: LocalDesktop, remote: Desktop): Promise<AcceptedPolicy | undefined> {
  try {
    return await acceptPolicy(host.account, remote, remote);
  } catch (error) {
    const seen = host.account.policies.seen(record.desktopId);
    if (!isPolicyFault(error) || seen?.mode !== 'stop') throw error;
    await offer(host, record.desktopId, seen.policy);
    return undefined;
  }
}

/** What counts now. Whoever signs another one is not hindered by one that is refused: that is how it is mended. */
async function currentPolicy({ account }: Host, remote: Desktop, wished: OfflineMode | null, here: LocalDesktop | undefined): Promise<AcceptedPolicy> {
  try {
    const { offline, offlinePolicy: policy, owner } = remote;
    // Of one that is held here the record says how; of a free one the stored policy counts next, whatever it was held under last.
    return await acceptPolicy(account, remote, { offline: here?.record.offline ?? (owner === null ? null : offline), offlinePolicy: policy });
  } catch (error) {
    if (wished === null || !isPolicyFault(error)) throw error;
    return { offline: here?.record.offline ?? account.policies.seen(remote.desktopId)?.mode ?? 'keep', offlineSignedMs: 0, signedBy: null };
  }
}

function isPolicyFault(error: unknown): boolean {
  return error instanceof Fault && (error.code === 'POLICY_OUTDATED' || error.code === 'POLICY_INVALID');
}

/** Later than every policy that this host has seen of it, whatever its clock says. */
function signPolicy({ account, clock }: Host, desktopId: DesktopId, mode: OfflineMode): SeenPolicy {
  const signedMs = Math.max(clock.wallMs(), (account.policies.seen(desktopId)?.signedMs ?? 0) + 1);
  return { mode, signedMs, policy: textOf(signOfflinePolicy({ desktopId, mode, signedMs }, account.device)) };
}

/** First this host, then the coordinator, then the person: at no time is somebody told "strict" whose guest could run on alone. */
async function becomeStrict(host: Host, desktop: LocalDesktop, signed: SeenPolicy): Promise<void> {
  const { leases, clock } = host;
  const { offlineSignedMs } = desktop.record;
  const askedMs = clock.bootMs();
  if ((await leases.confirm(desktop, wakeAnswerMs)) !== 'current') throw new Fault('LEASE_UNCONFIRMED', { subject: desktop.name });
  await desktop.update({ offline: 'stop', offlineSignedMs: signed.signedMs });
  const goBack = async (): Promise<void> => {
    await desktop.update({ offline: 'keep', offlineSignedMs });
    await leases.followPolicy(desktop);
  };
  try {
    await leases.followPolicy(desktop, askedMs);
  } catch (error) {
    await goBack();
    throw error;
  }
  const sentMs = clock.bootMs();
  try {
    await storePolicy(host, desktop.record.desktopId, signed);
  } catch (error) {
    // Unknown: it stays strict here, which is right in both cases; `mendPolicy` finds out.
    if (Fault.from(error).kind !== 'unavailable') await goBack();
    throw error;
  }
  await leases.renewed(desktop, sentMs);
}

/** The other way round: this host goes by the lease until nobody else does. */
async function becomeLenient(host: Host, desktop: LocalDesktop, signed: SeenPolicy): Promise<void> {
  await storePolicy(host, desktop.record.desktopId, signed);
  await desktop.update({ offline: 'keep', offlineSignedMs: signed.signedMs });
  await host.leases.followPolicy(desktop);
}

/**
 * Has it stored; repeating it means the same. Remembered here when it was, and a `stop` also when nobody knows, to be offered again. Throws what the coordinator says, and
 * COORDINATOR_UNREACHABLE after some attempts: then it may have it or not.
 */
async function storePolicy(host: Host, desktopId: DesktopId, signed: SeenPolicy): Promise<void> {
  for (let attempt = 1; ; attempt += 1) {
    try {
      await offer(host, desktopId, signed.policy);
      await host.account.policies.remember(desktopId, signed);
      return;
    } catch (error) {
      const fault = Fault.from(error);
      if (fault.kind !== 'unavailable') throw error;
      if (attempt < attempts) await new Promise((resolve) => setTimeout(resolve, againMs));
      else {
        if (signed.mode === 'stop') await host.account.policies.remember(desktopId, signed);
        throw error;
      }
    }
  }
}

async function offer({ account }: Host, desktopId: DesktopId, policy: string): Promise<void> {
  await account.coordinator.call('saveOfflinePolicy', { params: { desktopId }, body: { policy } });
}
