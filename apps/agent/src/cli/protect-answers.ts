import type { ControlResult } from '@godwit/wire';
import { everyText } from '../protect/protection-note.ts';
import { bytesText, durationText } from './figures.ts';

/** What the commands about checkpoints of a running desktop print for people. Pure. */

export function checkpointAnswer({ name, sequence, way, pauseMs, durableMs, pagesChanged, ramBytesScanned, bytesUploaded, receipt }: ControlResult<'checkpoint'>): string {
  return [
    `${name} runs on, and is in the store as checkpoint ${sequence}, acknowledged after ${durationText(durableMs)}.`,
    `Its guest stood still for ${durationText(pauseMs)} (${way}); ${bytesText(bytesUploaded)} uploaded for ${pagesChanged} changed pages of ${bytesText(ramBytesScanned)} memory.`,
    `Proven by leaf ${receipt.index} of the audit log.`,
  ].join('\n');
}

export function protectAnswer({ name, everyMs, lastMs, lastSequence, failing }: ControlResult<'protect'>): string {
  if (everyMs === null) return `${name} is not protected while it runs here. Protect it with: godwit protect ${name} --every 5m`;
  const last = lastMs === null ? '' : ` The last was checkpoint ${lastSequence ?? 0} (${new Date(lastMs).toLocaleString()}).`;
  return [`${name} gets a checkpoint every ${everyText(everyMs)} while it runs on this host.${last}`, ...(failing === null ? [] : [`The newest attempt failed: ${failing}`])].join('\n');
}
