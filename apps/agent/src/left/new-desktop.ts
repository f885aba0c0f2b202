import { Fault, newId, type CommitId, type DesktopId } from '@godwit/base';
import type { AnswerOf, Desktop, Routes } from '@godwit/wire';
import { proveAcquired } from '../audit/prove.ts';
import { freeName, makeFork } from '../desktop/fork.ts';
import type { Host } from '../desktop/host.ts';
import type { LocalDesktop } from '../desktop/local-desktop.ts';
import type { DesktopRecord } from '../desktop/record.ts';

export type Left = NonNullable<DesktopRecord['left']>;

/** The desktop that a copy becomes, as this host holds it at the coordinator. */
export interface NewDesktop {
  readonly desktopId: DesktopId;
  readonly name: string;
  readonly epoch: number;
  /** The fork's first checkpoint: what the copy stood on. Null where that was pruned or never was: then it begins with nothing. */
  readonly head: AnswerOf<Routes['acquireDesktop']>['head'];
  readonly wrappedKeys: Desktop['wrappedKeys'];
}

/** Of the host's name, so that much of the desktop's own stays within the length of a name. */
const hostNameMax = 30;

/** What `name` is called when it was left on `hostName`: with a number behind it where one of `desktops` has that name. Pure. */
export function leftName(name: string, hostName: string, desktops: readonly { readonly name: string }[]): string {
  return freeName(name, `left-${hostName.slice(0, hostNameMax)}`, desktops);
}

/** Ids that nobody has, for the record, before the coordinator hears of them. */
export function newLeft({ account, random }: Host, { record }: LocalDesktop, taken: Pick<Left, 'takenBy' | 'takenEpoch'>): Left {
  return { desktopId: newId<DesktopId>(random), name: leftName(record.name, account.settings.hostName, []), commitId: newId<CommitId>(random), ...taken };
}

/**
 * Makes the desktop that the record's `left` names, unless it is there, and takes it. It is a fork of the checkpoint that the copy stands on, so
 * that what has not changed since is shared with it. Where somebody else has it already, the record gets other ids: what is here is nobody
 * else's. Throws what the coordinator says.
 */
export async function takeNewDesktop(host: Host, desktop: LocalDesktop): Promise<NewDesktop> {
  for (;;) {
    await ensure(host, desktop, leftOf(desktop));
    const left = leftOf(desktop);
    const { desktopId, name } = left;
    const { epoch, head, wrappedKeys } = await acquire(host, desktopId);
    if (epoch !== undefined && (head?.checkpoint.sequence ?? 1) === 1) {
      await proveAcquired(host.account, desktopId, epoch);
      return { desktopId, name, epoch, head, wrappedKeys };
    }
    // Somebody found the fork while it was free, before this host had it.
    if (epoch !== undefined) await host.account.coordinator.call('releaseDesktop', { params: { desktopId }, body: { epoch } });
    await rename(host, desktop, newLeft(host, desktop, left));
  }
}

export function leftOf({ record }: LocalDesktop): Left {
  if (record.left === null) throw new Fault('INTERNAL', { expected: 'a record that says what the copy becomes' });
  return record.left;
}

async function acquire({ account }: Host, desktopId: DesktopId): Promise<Partial<AnswerOf<Routes['acquireDesktop']>> & { head: NewDesktop['head']; wrappedKeys: NewDesktop['wrappedKeys'] }> {
  try {
    return await account.coordinator.call('acquireDesktop', { params: { desktopId }, body: {} });
  } catch (error) {
    if (Fault.from(error).code !== 'DESKTOP_HELD_ELSEWHERE') throw error;
    return { head: null, wrappedKeys: [] };
  }
}

async function ensure(host: Host, desktop: LocalDesktop, left: Left): Promise<void> {
  const { account } = host;
  try {
    await account.coordinator.call('readDesktop', { params: { desktopId: left.desktopId } });
    return;
  } catch (error) {
    if (Fault.from(error).code !== 'DESKTOP_NOT_FOUND') throw error;
  }
  try {
    if (!(await fork(host, desktop, left))) await create(host, left);
  } catch (error) {
    if (Fault.from(error).code !== 'DESKTOP_NAME_TAKEN') throw error;
    await rename(host, desktop, left);
    await ensure(host, desktop, leftOf(desktop));
  }
}

/** False where there is no checkpoint to begin with: there never was one, it was pruned, or it is damaged. */
async function fork(host: Host, desktop: LocalDesktop, { desktopId, name, commitId }: Left): Promise<boolean> {
  const { base, contract, desktopId: from } = desktop.record;
  if (base === null) return false;
  const remote = await host.account.coordinator.call('readDesktop', { params: { desktopId: from } });
  try {
    await makeFork(host, remote, base.sequence, { name, desktopId, commitId: commitId as CommitId, generationId: contract.generationId, originDigest: base.digest });
    return true;
  } catch (error) {
    const { code, kind } = Fault.from(error);
    if (code !== 'CHECKPOINT_NOT_FOUND' && kind !== 'corrupt') throw error;
    host.log.warn('base-not-forked', { desktop: from, error });
    return false;
  }
}

async function create({ account }: Host, { desktopId, name }: Left): Promise<void> {
  await account.refreshChain();
  const { wrapped } = account.createDesktopKey(desktopId);
  await account.coordinator.call('createDesktop', { body: { desktopId, name, wrappedKey: wrapped } });
}

/** The next name that is free, durable before it is used. */
async function rename({ account }: Host, desktop: LocalDesktop, left: Left): Promise<void> {
  const { desktops } = await account.coordinator.call('listDesktops', {});
  await desktop.update({ left: { ...left, name: leftName(desktop.record.name, account.settings.hostName, desktops) } });
}
