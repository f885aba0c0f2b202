import { printable } from '@godwit/base';
import type { ControlCommand, ControlResult, DesktopStatus, Quotas } from '@godwit/wire';
import { nearQuotaText } from '../doctor/quota-words.ts';
import type { Mark, Paint } from './colours.ts';
import { bytesText, durationText, table } from './figures.ts';
import { cacheAnswer } from './cache-command.ts';
import { approveAnswer, joinAnswer, recoverAnswer, rekeyAnswer, revokeAnswer } from './account-answers.ts';
import { discardAnswer, policyAnswer, stopAnswer, suspendAnswer, takeOverAnswer } from './owner-answers.ts';
import { arrivalsAnswer, moveAnswer } from './move-commands.ts';
import { checkpointAnswer, protectAnswer } from './protect-answers.ts';
import { viewAnswer } from './view-command.ts';
import { forkAnswer, pruneAnswer, rollbackAnswer, scrubAnswer } from './past-answers.ts';

/** What each command prints for people when it is done; `--json` prints the result itself instead. Pure. */
export const answers: { readonly [Command in ControlCommand]: (result: ControlResult<Command>, paint: Paint) => string } = {
  init: (result) =>
    [
      `This host is ${result.hostName}, the first of account ${result.accountId.slice(0, 8)} (fingerprint ${result.fingerprint}).`,
      '',
      'Recovery words. Write them on paper, in this order, and keep them away from your machines.',
      'They are not stored anywhere and not shown again; with every host lost, only they open your desktops.',
      '',
      wordTable(result.recoveryWords),
    ].join('\n'),
  join: joinAnswer,
  recover: recoverAnswer,
  unlock: ({ hostName }) => `${hostName} is unlocked.`,
  revoke: revokeAnswer,
  rekey: rekeyAnswer,
  approve: approveAnswer,
  hosts: ({ hosts }) =>
    table([
      ['HOST', 'ID', 'LAST CONTACT', ''],
      ...hosts.map((host) => [host.name, host.hostId.slice(0, 8), host.lastContactMs === null ? 'never' : new Date(host.lastContactMs).toLocaleString(), host.revoked ? 'revoked' : host.self ? 'this host' : '']),
    ]),
  create: (result) => `Desktop ${result.name}: ${bytesText(result.memoryBytes)} of memory, ${bytesText(result.disks[0]?.lengthBytes ?? 0)} of disk, ${result.machineType}, ${result.cpuModel}, ${acceleration(result.accelerator)}.\nNext: godwit start ${result.name}`,
  start: (result) => `${result.name} runs here (after ${durationText(result.runningMs)}).`,
  stop: stopAnswer,
  discard: discardAnswer,
  checkpoint: checkpointAnswer,
  protect: protectAnswer,
  suspend: suspendAnswer,
  resume: ({ name, sequence, fromHere, arrive }) =>
    [
      `${name} runs here from ${fromHere ? 'what was saved on this machine' : `checkpoint ${sequence}`}${arrive.runningMs === null ? '' : `, after ${durationText(arrive.runningMs)} with ${bytesText(arrive.bytesBeforeRunning)} fetched`}.`,
      ...(arrive.eagerReason === null ? [] : [`Everything was fetched before it ran: ${arrive.eagerReason}`]),
      arrive.completeMs === null ? 'The rest comes in the background.' : `All of it is here after ${durationText(arrive.completeMs)}: ${fetchedText(arrive)}.`,
    ].join('\n'),
  status: (result, paint) => [`${result.hostName} at ${result.coordinator}${result.reachable ? '' : ' (out of reach: what is held elsewhere is not shown)'}`, ...quotaLines(result.quotas), '', statusTable(result.desktops, paint)].join('\n'),
  takeover: takeOverAnswer,
  move: moveAnswer,
  arrivals: arrivalsAnswer,
  policy: policyAnswer,
  history: ({ checkpoints }) =>
    table([
      ['CHECKPOINT', 'EPOCH', 'HOST', 'WHEN', 'SIZE', 'DIGEST'],
      ...checkpoints.map((checkpoint) => [String(checkpoint.sequence), String(checkpoint.epoch), checkpoint.host, new Date(checkpoint.createdMs).toLocaleString(), bytesText(checkpoint.bytes), checkpoint.digest.slice(0, 12)]),
    ]),
  fork: forkAnswer,
  rollback: rollbackAnswer,
  prune: pruneAnswer,
  verify: (result) =>
    [
      `${result.name}: ${result.checkpoints} checkpoints, ${result.packs} packs, ${result.leaves} leaves, ${result.frames} frames opened, ${result.pages} pages, ${bytesText(result.bytes)} read.`,
      ...(result.good ? ['Everything that was looked at is whole and signed by your devices.'] : []),
      ...(result.missing.length === 0 ? [] : [`${result.missingCount} objects are missing:`, ...result.missing]),
      ...(result.damaged.length === 0 ? [] : [`${result.damagedCount} objects are damaged:`, ...result.damaged.map(({ subject, code, message }) => `${subject}: ${message} [${code}]`)]),
      scrubAnswer(result.scrub),
    ].join('\n'),
  audit: ({ head, leaves, newest, findings, good }) =>
    [
      ...(newest.length === 0 ? [] : [table([['LEAF', 'WHEN', 'WHAT', 'HOST', 'DESKTOP', 'EPOCH', 'NUMBER'], ...newest.map((leaf) => [String(leaf.index), new Date(leaf.timeMs).toLocaleString(), leaf.kind, leaf.host ?? '-', leaf.desktopId?.slice(0, 8) ?? '-', leaf.epoch === null ? '-' : String(leaf.epoch), leaf.sequence === null ? '-' : String(leaf.sequence)])], ['right']), '']),
      `${leaves} leaves of this account in a log of ${head.size}, root ${head.root.slice(0, 16)}, signed ${new Date(head.timeMs).toLocaleString()}.`,
      ...(good ? ['Each is proven, and together they say what this host knows.'] : [`They do not say what this host knows:`, ...findings.map(printable)]),
    ].join('\n'),
  cache: cacheAnswer,
  doctor: ({ findings, verdict }, paint) =>
    [
      table(findings.map((finding) => [paint(marks[finding.state], signs[finding.state]), finding.check, finding.found])),
      ...findings.flatMap((finding) => (finding.hint === null ? [] : [`\n${finding.check}: ${finding.hint}`])),
      '',
      { good: 'All is well.', degraded: 'It works, with less than it could.', bad: 'It cannot work like this.' }[verdict],
    ].join('\n'),
  view: viewAnswer,
  console: ({ lines }) => lines.map(printable).join('\n'),
};

const signs = { good: 'ok', degraded: '!!', bad: 'XX' } as const;
const marks = { good: 'good', degraded: 'doubtful', bad: 'bad' } as const;

function fetchedText({ bytesFetched, bytesFromCache }: ControlResult<'resume'>['arrive']): string {
  return `${bytesText(bytesFetched)} fetched${bytesFromCache === 0 ? '' : `, ${bytesText(bytesFromCache)} from the cache of this host`}`;
}

function wordTable(words: readonly string[]): string {
  const rows = Array.from({ length: 6 }, (_, row) => Array.from({ length: 4 }, (_, column) => `${String(row + column * 6 + 1).padStart(2)} ${words[row + column * 6] ?? ''}`));
  return table(rows.map((row) => ['  ', ...row]));
}

function acceleration(accelerator: 'kvm' | 'tcg'): string {
  return accelerator === 'kvm' ? 'KVM' : 'software emulation (slow: KVM is not to be had here)';
}

const stateMarks: Partial<Record<DesktopStatus['state'], Mark>> = { running: 'good', filling: 'good', free: 'good', unknown: 'bad', lost: 'bad', damaged: 'bad', saved: 'doubtful', left: 'doubtful', departing: 'doubtful', arriving: 'doubtful' };

function quotaLines(quotas: Quotas | undefined): string[] {
  const near = quotas === undefined ? undefined : nearQuotaText(quotas);
  return near === undefined ? [] : [`Nearly all that the account may have: ${near}; see \`godwit doctor\`.`];
}

function statusTable(desktops: readonly DesktopStatus[], paint: Paint): string {
  if (desktops.length === 0) return 'No desktop yet. Next: godwit create NAME --image IMAGE --memory 4G --disk 40G';
  return table([
    ['DESKTOP', 'STATE', 'HOLDER', 'CHECKPOINT', ''],
    ...desktops.map(({ name, state, holder, sequence, note }) => [name, paintState(state, paint), holder ?? '-', sequence === null ? '-' : String(sequence), note ?? '']),
  ]);
}

export function paintState(state: DesktopStatus['state'], paint: Paint): string {
  const mark = stateMarks[state];
  return mark === undefined ? state : paint(mark, state);
}
