import { faultCodes, type AccountId, type DesktopId, type FaultCode, type HostId } from '@godwit/base';
import type { Attention } from '@godwit/wire';

/** What needs a person, from facts alone: no clock, no database. The same for the dashboard and for whatever else asks. */

interface Named {
  readonly accountId: AccountId;
  readonly name: string;
}

export interface LostHost extends Named {
  readonly hostId: HostId;
  /** When it was last heard of, or when it joined. */
  readonly sinceMs: number;
  /** Names of the desktops that it holds, at least one. */
  readonly holds: readonly string[];
}

export interface ExposedDesktop extends Named {
  readonly desktopId: DesktopId;
  readonly hostId: HostId;
  readonly hostName: string;
  /** When its newest checkpoint was durable, or when it was made. */
  readonly sinceMs: number;
  readonly hasCheckpoint: boolean;
}

/** The newest move of a desktop. */
export interface TroubledMove extends Named {
  readonly desktopId: DesktopId;
  readonly hostId: HostId;
  readonly hostName: string;
  readonly kind: 'suspend' | 'checkpoint' | 'resume';
  /** silent: nothing is told of it; still: told of, and it gets no further; unknown: whether it was committed is not known. */
  readonly trouble: 'silent' | 'still' | 'unknown' | 'failed';
  readonly phase: string;
  readonly fault: string | null;
  readonly sinceMs: number;
}

export interface OldHost extends Named {
  readonly hostId: HostId;
  readonly version: string;
  readonly sinceMs: number;
}

export interface DamagedDesktop extends Named {
  readonly desktopId: DesktopId;
  readonly objects: number;
  readonly sinceMs: number;
}

export interface Facts {
  readonly nowMs: number;
  readonly version: string;
  readonly lostHosts: readonly LostHost[];
  readonly exposed: readonly ExposedDesktop[];
  readonly moves: readonly TroubledMove[];
  readonly oldHosts: readonly OldHost[];
  readonly damaged: readonly DamagedDesktop[];
  readonly failedJobs: readonly { readonly job: string; readonly fault: string; readonly sinceMs: number }[];
  readonly scrub: { /** When the object that waits longest was stored or last looked at. */ readonly oldestMs: number | null; /** After which it should have been. */ readonly againMs: number };
  readonly store: { readonly usedBytes: number; readonly freeBytes: number | null; readonly fullAtMs: number | null };
}

export const attentionMax = 200;
const dayMs = 24 * 3_600_000;
/** A round of scrub takes its time: only what waits twice as long as it should is behind. */
const scrubPatience = 2;
const fullSoonMs = 3 * dayMs;
const fullLaterMs = 14 * dayMs;
/** Less than one part in so many is left. */
const [littleLeft, nearlyNothingLeft] = [10, 50];

/** The worst first, of equals the oldest; at most {@link attentionMax}. A consequence is not listed beside its cause. */
export function attend(facts: Facts): Attention[] {
  const lost = new Set(facts.lostHosts.map(({ hostId }) => hostId));
  const moves = facts.moves.filter(({ hostId }) => !lost.has(hostId));
  const troubled = new Set(moves.map(({ accountId, desktopId }) => accountId + desktopId));
  const exposed = new Map(facts.exposed.map((desktop) => [desktop.accountId + desktop.desktopId, desktop]));
  const all = [
    ...facts.lostHosts.map(lostHost),
    ...moves.map((move) => troubledMove(move, exposed.get(move.accountId + move.desktopId))),
    ...facts.exposed.filter(({ hostId, accountId, desktopId }) => !lost.has(hostId) && !troubled.has(accountId + desktopId)).map(exposedDesktop),
    ...facts.damaged.map(damagedDesktop),
    ...facts.oldHosts.filter(({ hostId }) => !lost.has(hostId)).map((host) => oldHost(host, facts.version)),
    ...facts.failedJobs.map(failedJob),
    ...lateScrub(facts),
    ...fillingStore(facts),
  ];
  return all.sort((a, b) => ranks[b.severity] - ranks[a.severity] || a.sinceMs - b.sinceMs || (a.id < b.id ? -1 : 1)).slice(0, attentionMax);
}

const ranks = { low: 0, medium: 1, high: 2 } as const;

function lostHost({ accountId, hostId, name, sinceMs, holds }: LostHost): Attention {
  return {
    ...about({ accountId, hostId }), id: `HOST_LOST:${hostId}`, code: 'HOST_LOST', severity: 'high', sinceMs,
    text: `${name} is out of reach and holds ${listed(holds)}: what was done there since the newest checkpoint is on it alone`,
    nextStep: `Find ${name} and connect it. If it is gone for good, its user runs \`godwit takeover NAME\` on another machine, and \`godwit revoke\` if it may be in other hands.`,
  };
}

function exposedDesktop({ accountId, desktopId, hostId, name, hostName, sinceMs, hasCheckpoint }: ExposedDesktop): Attention {
  return {
    ...about({ accountId, desktopId, hostId }), id: `DESKTOP_UNPROTECTED:${accountId}:${desktopId}`, code: 'DESKTOP_UNPROTECTED', severity: hasCheckpoint ? 'medium' : 'high', sinceMs,
    text: hasCheckpoint ? `${name} on ${hostName} has no checkpoint of the last day: all work since is on ${hostName} alone` : `${name} on ${hostName} has never been saved: all of it is on ${hostName} alone`,
    nextStep: `On ${hostName}: \`godwit protect ${name}\` makes checkpoints while it runs, \`godwit suspend ${name}\` saves it now.`,
  };
}

function troubledMove(move: TroubledMove, exposed: ExposedDesktop | undefined): Attention {
  const { accountId, desktopId, hostId, trouble, sinceMs } = move;
  const code = trouble === 'failed' ? 'MOVE_FAILED' : 'MOVE_STUCK';
  const unsaved = exposed === undefined ? '' : '; its newest checkpoint is older than a day';
  return {
    ...about({ accountId, desktopId, hostId }), id: `${code}:${accountId}:${desktopId}`, code, severity: trouble === 'failed' && exposed === undefined ? 'medium' : 'high', sinceMs,
    text: `The ${move.kind} of ${move.name} on ${move.hostName} ${troubleOf(move)}${unsaved}`,
    nextStep: nextStepOf(move),
  };
}

function troubleOf({ trouble, phase, fault }: TroubledMove): string {
  switch (trouble) {
    case 'silent': return `told of its phase ${phase} last and nothing since`;
    case 'still': return `gets no further in its phase ${phase}`;
    case 'unknown': return 'ended without an answer to its commit: whether it counts is not known';
    case 'failed': return fault === null ? 'failed' : `failed: ${titleOf(fault)} (${fault})`;
  }
}

function nextStepOf({ trouble, fault, hostName, name }: TroubledMove): string {
  if (trouble === 'failed') return capital(hintOf(fault) ?? `see the log of the agent on ${hostName}`);
  if (trouble === 'unknown') return `Leave ${hostName} on and connected: its agent asks until it knows. \`godwit status ${name}\` there says how it stands.`;
  return `See on ${hostName} whether it is on and connected: \`godwit doctor\` tells of the link and the store, \`godwit status ${name}\` of the desktop.`;
}

function oldHost({ accountId, hostId, name, version, sinceMs }: OldHost, own: string): Attention {
  return {
    ...about({ accountId, hostId }), id: `HOST_OUT_OF_DATE:${hostId}`, code: 'HOST_OUT_OF_DATE', severity: 'low', sinceMs,
    text: `${name} runs Godwit ${version}, the coordinator ${own}: that is further apart than is supported`,
    nextStep: `Upgrade Godwit on ${name}.`,
  };
}

function damagedDesktop({ accountId, desktopId, name, objects, sinceMs }: DamagedDesktop): Attention {
  return {
    ...about({ accountId, desktopId }), id: `SCRUB_FAILED:${accountId}:${desktopId}`, code: 'SCRUB_FAILED', severity: 'high', sinceMs,
    text: `${objects === 1 ? 'An object' : `${objects} objects`} of ${name} in the store ${objects === 1 ? 'is' : 'are'} missing or not as committed`,
    nextStep: 'Look at the disk of the store, then bring the objects back from a backup; the page of the store names them.',
  };
}

function failedJob({ job, fault, sinceMs }: Facts['failedJobs'][number]): Attention {
  return {
    ...about({}), id: `JOB_FAILED:${job}`, code: 'JOB_FAILED', severity: 'medium', sinceMs,
    text: `The job ${job} of the coordinator was given up: ${fault}`.slice(0, 500),
    nextStep: 'Mend what the fault names, then have it tried again on the page of the store; it also begins anew by itself, later.',
  };
}

/** A scrub that fails is behind because it fails: then only that is said. */
function lateScrub({ nowMs, scrub: { oldestMs, againMs }, failedJobs }: Facts): Attention[] {
  if (oldestMs === null || nowMs - oldestMs <= scrubPatience * againMs || failedJobs.some(({ job }) => job === 'scrub')) return [];
  return [{
    ...about({}), id: 'SCRUB_BEHIND', code: 'SCRUB_BEHIND', severity: 'medium', sinceMs: oldestMs + againMs,
    text: `Scrub is behind: some object was last compared with what was committed ${days(nowMs - oldestMs)} ago, and should be every ${days(againMs)}`,
    nextStep: 'Let the coordinator run without a break; if it does, its store is too slow for the rate that scrub reads with.',
  }];
}

function fillingStore({ nowMs, store: { usedBytes, freeBytes, fullAtMs } }: Facts): Attention[] {
  if (freeBytes === null) return [];
  const leftMs = fullAtMs === null ? Infinity : fullAtMs - nowMs;
  const wholeBytes = usedBytes + freeBytes;
  const isNear = leftMs < fullSoonMs || freeBytes * nearlyNothingLeft < wholeBytes;
  if (!isNear && leftMs >= fullLaterMs && freeBytes * littleLeft >= wholeBytes) return [];
  return [{
    ...about({}), id: 'STORE_FILLING', code: 'STORE_FILLING', severity: isNear ? 'high' : 'medium', sinceMs: nowMs,
    text: `The store has ${gibibytes(freeBytes)} GiB left${leftMs === Infinity ? '' : `, enough for ${days(leftMs)} at the growth of the last week`}`,
    nextStep: 'Give it a larger disk, or have users drop old checkpoints with `godwit prune`: a full store takes no checkpoint.',
  }];
}

function about(whom: { readonly accountId?: AccountId; readonly desktopId?: DesktopId; readonly hostId?: HostId }): Pick<Attention, 'accountId' | 'desktopId' | 'hostId'> {
  return { accountId: whom.accountId ?? null, desktopId: whom.desktopId ?? null, hostId: whom.hostId ?? null };
}

function entryOf(code: string | null) {
  return code !== null && Object.hasOwn(faultCodes, code) ? faultCodes[code as FaultCode] : undefined;
}
/** A newer agent may know faults that this coordinator does not. */
const titleOf = (code: string): string => entryOf(code)?.title ?? 'an error';
const hintOf = (code: string | null): string | undefined => entryOf(code)?.hint;
const capital = (text: string): string => `${text.slice(0, 1).toUpperCase()}${text.slice(1)}.`;
const gibibytes = (bytes: number): string => (bytes / 2 ** 30).toFixed(1);

function days(ms: number): string {
  const whole = Math.max(0, Math.round(ms / dayMs));
  return whole === 0 ? 'less than a day' : `${whole} day${whole === 1 ? '' : 's'}`;
}

/** At most three names, then how many more. */
function listed(names: readonly string[]): string {
  const shown = names.slice(0, 3);
  const rest = names.length - shown.length;
  return rest === 0 ? shown.join(', ') : `${shown.join(', ')} and ${rest} more`;
}
