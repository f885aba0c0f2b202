import type { ControlResult } from '@godwit/wire';
import { bytesText, durationText } from './figures.ts';

/** What the commands about a desktop's past print for people. Pure. */

export function forkAnswer({ newName, name, sequence, sharedBytes }: ControlResult<'fork'>): string {
  return [
    `${newName} begins with checkpoint ${sequence} of ${name} and shares its ${bytesText(sharedBytes)} in the store: nothing was copied.`,
    `Its guest is told that it is a copy (a new VM generation id). Next: godwit resume ${newName}`,
  ].join('\n');
}

export function rollbackAnswer({ name, sequence, keptAs, givenUp, done }: ControlResult<'rollback'>): string {
  const lost = `${givenUp.checkpoints} checkpoint${givenUp.checkpoints === 1 ? '' : 's'} after it, ${durationText(givenUp.spanMs)} of work up to ${new Date(givenUp.newestMs).toLocaleString()}`;
  if (!done) return `${name} would go back to checkpoint ${sequence} and give up ${lost}.\nThat line would be kept as ${keptAs} until you prune it. Nothing was changed; --yes does it.`;
  return `${name} is at checkpoint ${sequence} again, without ${lost}.\nThat line is kept as ${keptAs}. Next: godwit resume ${name}`;
}

export function pruneAnswer(result: ControlResult<'prune'>): string {
  const { name, retention, done, dropped, kept, waiting, locked, freed, graceMs, compacted } = result;
  const rules = retention === null ? 'everything (it has no policy)' : rulesText(retention);
  return [
    ...(compacted === null ? [] : [compactedText(compacted)]),
    `${name} keeps ${rules}.`,
    `${done ? 'Dropped' : 'Would drop'} ${dropped.length === 0 ? 'no checkpoint' : `${dropped.length} checkpoints (${sequencesText(dropped)})`}; ${kept} ${done ? 'stay' : 'would stay'}.`,
    `${bytesText(waiting.bytes)} in ${waiting.objects} objects ${done ? 'are' : 'would be'} not needed any more and go${done ? '' : ', once pruned,'} after ${durationText(graceMs)}.`,
    ...(freed.objects === 0 ? [] : [`${bytesText(freed.bytes)} in ${freed.objects} objects freed.`]),
    ...(locked.objects === 0 ? [] : [`${bytesText(locked.bytes)} in ${locked.objects} objects are still locked by the store; they go when it lets them.`]),
    ...(done ? [] : ['Nothing was changed; --yes does it.']),
  ].join('\n');
}

/** One line about the coordinator's own looking. */
export function scrubAnswer({ objects, looked, oldestMs, damaged }: ControlResult<'verify'>['scrub']): string {
  if (oldestMs === null) return 'The coordinator has not looked at its objects yet.';
  const ago = `The coordinator looked at ${looked} of ${objects} objects by itself, the longest ago on ${new Date(oldestMs).toLocaleString()}`;
  if (damaged.length === 0) return `${ago}: all as they were committed.`;
  return `${ago}; ${damaged.length} are not as they were committed: ${damaged.slice(0, 3).map(({ key, finding }) => `${key} (${finding})`).join(', ')}${damaged.length > 3 ? ' ...' : ''}`;
}

function compactedText({ sequence, packs, bytes, bytesWritten }: NonNullable<ControlResult<'prune'>['compacted']>): string {
  if (sequence === null) return 'Nothing to compact: no pack is mostly dead.';
  return `Checkpoint ${sequence} needs ${packs} packs of ${bytesText(bytes)} no more; ${bytesText(bytesWritten)} were written for that.`;
}

function rulesText({ last, hourly, daily }: { readonly last: number; readonly hourly: number; readonly daily: number }): string {
  const rules = [
    ...(last === 0 ? [] : [`the newest ${last}`]),
    ...(hourly === 0 ? [] : [`one for each of ${hourly} hours`]),
    ...(daily === 0 ? [] : [`one for each of ${daily} days`]),
  ];
  return `${rules.join(', ')} and always its newest`;
}

/** `1-4, 7`. */
export function sequencesText(ascending: readonly number[]): string {
  const runs: [number, number][] = [];
  for (const sequence of ascending) {
    const run = runs.at(-1);
    if (run?.[1] === sequence - 1) run[1] = sequence;
    else runs.push([sequence, sequence]);
  }
  return runs.map(([first, last]) => (first === last ? `${first}` : `${first}-${last}`)).join(', ');
}
