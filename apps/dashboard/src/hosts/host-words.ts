import type { OperatorHost } from '@godwit/wire/operators';
import { bytesText, plural } from '../words/figures.ts';
import type { Wording } from '../words/wordings.ts';

/** What a host says about itself and what follows from it, in words. Pure. */

export interface Fact {
  readonly name: string;
  readonly value: string;
}

type Report = NonNullable<OperatorHost['report']>;

/** All that it has told, in the order in which people ask for it. */
export function factsOf(report: Report): readonly Fact[] {
  const { agentVersion, qemuVersions, accelerators, cpuModels, machineTypes, ramBytes, diskFreeBytes, userfaultfd, capabilities } = report;
  return [
    { name: 'agent', value: agentVersion },
    { name: 'QEMU', value: listed(qemuVersions) },
    { name: 'accelerators', value: listed(accelerators) },
    { name: 'CPU models', value: listed(cpuModels) },
    { name: 'machine types', value: listed(machineTypes) },
    { name: 'RAM', value: bytesText(ramBytes) },
    { name: 'free disk', value: bytesText(diskFreeBytes) },
    { name: 'userfaultfd', value: userfaultfd ? 'yes' : 'no' },
    ...Object.entries(capabilities).map(([name, value]) => ({ name, value: typeof value === 'boolean' ? (value ? 'yes' : 'no') : String(value) })),
  ];
}

const listed = (values: readonly string[]): string => (values.length === 0 ? 'none' : values.join(', '));

/** What this host cannot do, each with the reason; empty: nothing that its report shows. */
export function limitsOf(report: Report): readonly string[] {
  const limits: string[] = [];
  if (report.qemuVersions.length === 0) limits.push('It cannot run desktops: it has no QEMU.');
  if (!report.accelerators.includes('kvm')) limits.push('Its desktops run slowly: it has no KVM.');
  if (!report.userfaultfd) limits.push('A desktop starts here only when all of its RAM has come: it may not use userfaultfd.');
  return limits;
}

/** What happens when it is barred or let in again, before an operator says yes. */
export function barText({ name, holds }: OperatorHost, barred: boolean): readonly string[] {
  if (!barred) return [`${name} may ask for its desktops again.`, 'Its account has trusted it all the time; nothing in the account changes.'];
  const held = holds.map(({ name: desktop }) => desktop).join(', ');
  return [
    `From now on the coordinator refuses everything that ${name} asks for: it gets no desktop, commits no checkpoint, and what it has open is closed.`,
    holds.length === 0 ? 'It holds no desktop.' : `It holds ${plural(holds.length, 'desktop')}: ${held}. They keep running there, and what is done in them is in no store until it is let in again; their person can take them over elsewhere and loses what came after the newest checkpoint.`,
    'The account still trusts it: only its person can revoke it, with godwit revoke. Barring can be taken back at any time.',
  ];
}

/** Whether it is there now. */
export function contactWording({ inReach }: Pick<OperatorHost, 'inReach'>): Wording {
  return inReach ? { word: 'in reach', tone: 'good', meaning: 'Its stream of events is open, or it was heard of in the last minute' } : { word: 'out of reach', tone: 'warn', meaning: 'It was not heard of in the last minute' };
}

export const outOfDateWording: Wording = { word: 'out of date', tone: 'warn', meaning: 'Its agent is older than this coordinator by more than one minor version: upgrade it' };
