import type { ControlResult } from '@godwit/wire';
import { bytesText, durationText } from './figures.ts';

/** What the commands about who owns a desktop print for people: suspend, takeover, policy. Pure. */

export function suspendAnswer(result: ControlResult<'suspend'>): string {
  const { name, depart } = result;
  const taken = `Taken in a pause of ${durationText(depart.pauseMs)}`;
  if (!result.safe) return [`${name} is saved on this machine only: ${result.reason}.`, `${taken}. It goes to the store by itself as soon as that is in reach; until then only this machine has it.`, `Here it goes on with: godwit resume ${name}`].join('\n');
  return [
    `${name} is suspended as checkpoint ${result.sequence}: it is in the store, acknowledged after ${durationText(depart.durableMs)}.`,
    `${taken}; ${bytesText(depart.bytesUploaded)} uploaded for ${depart.pagesChanged} changed pages of ${bytesText(depart.ramBytesScanned)} memory.`,
    `Proven by leaf ${result.receipt.index} of the audit log; receipt in ${result.receiptFile}.`,
    'It is safe to close the lid.',
  ].join('\n');
}

export function stopAnswer({ name, clean, goesOnFrom }: ControlResult<'stop'>): string {
  if (goesOnFrom === null) return `${name} is ${clean ? 'shut down' : 'switched off'}.`;
  return `${name} is switched off. It had not fetched everything yet: what it did since it was resumed is lost.\nIt goes on from checkpoint ${goesOnFrom} with: godwit resume ${name}`;
}

export function discardAnswer({ name, sequence, acknowledgedMs, ageMs, diskBytes, memoryBytes, done }: ControlResult<'discard'>): string {
  const memory = memoryBytes === 0 ? '' : ` and its ${bytesText(memoryBytes)} of memory as it is now`;
  const lines = [`${done ? 'Given up' : 'You would give up'}: what ${name} did here since checkpoint ${sequence}, ${durationText(ageMs)} ago (${new Date(acknowledgedMs).toLocaleString()}): ${bytesText(diskBytes)} on its disks${memory}.`];
  return [...lines, ...(done ? [] : ['It would go on from that checkpoint. Nothing was changed; --yes does it.'])].join('\n');
}

export function takeOverAnswer({ name, holder, inReach, holderContactMs, waitMs, sequence, acknowledgedMs, ageMs, done, how, epoch, arrive }: ControlResult<'takeover'>): string {
  if (how === 'suspended') return `${holder} was in reach and suspended ${name} as checkpoint ${sequence}: nothing was given up. It runs here in epoch ${epoch}.`;
  const contact = inReach ? 'in reach' : holderContactMs === null ? 'never heard of' : `last heard of ${new Date(holderContactMs).toISOString()}`;
  const lines = [
    `${holder} holds ${name} (${contact}).`,
    `${done ? 'Given up' : 'You would give up'}: what ${holder} did with it since checkpoint ${sequence}, ${durationText(ageMs)} ago (${new Date(acknowledgedMs).toLocaleString()}). If ${holder} comes back, its copy is paused and kept as a desktop of its own.`,
  ];
  if (!done && waitMs > 0) lines.push(`It is strict: it can be taken over in ${durationText(waitMs)}, unless ${holder} is heard of again.`);
  if (done) lines.push(`${name} is yours in epoch ${epoch}${arrive === null ? '' : ' and runs here'}.`);
  return lines.join('\n');
}

export function policyAnswer({ name, offline, signedBy, changed }: ControlResult<'policy'>): string {
  const meaning = { keep: 'without word from the coordinator it runs on', stop: 'without word from the coordinator it stops within 30 s' }[offline];
  return `${name}: --offline ${offline}: ${meaning}${signedBy === null ? ' (nobody signed a policy)' : `; signed by ${signedBy}`}${changed ? ', from now on' : ''}.`;
}
