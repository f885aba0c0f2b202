import type { RouteId } from '@godwit/wire';
import { outcomeOf, unknownIn } from './acts.ts';
import { pickOf, variant, type Happened, type RealFault } from './fault.ts';
import type { Stage } from './stage.ts';
import { tableB } from './table-b.ts';
import { failedAnswers, type Place, type Toxic } from './toxics.ts';

/** A host that is cut off in the middle of what it does, and answers that do not come, come twice or come late. */

const cuts: readonly { readonly name: string; readonly place: Place | 'both'; readonly how: 'reset' | 'silence' | 'swallowed-answer'; readonly says: string; readonly quickRuns: number }[] = [
  { name: 'cut-coordinator', place: 'coordinator', how: 'reset', says: 'the coordinator', quickRuns: 1 },
  { name: 'cut-store', place: 'store', how: 'reset', says: 'the store', quickRuns: 1 },
  { name: 'cut-both', place: 'both', how: 'reset', says: 'both', quickRuns: 1 },
  { name: 'cut-requests', place: 'both', how: 'silence', says: 'both, one way: requests vanish', quickRuns: 0 },
  { name: 'cut-answers', place: 'both', how: 'swallowed-answer', says: 'both, one way: answers vanish', quickRuns: 0 },
];

/** In which phase the network goes: before anything is sent, while it is, and when all has been sent. */
const departMoments = ['check', 'capture', 'upload', 'commit'] as const;
const arriveMoments = ['acquire', 'prepare', 'load', 'fill'] as const;

async function cutWhile(stage: Stage, { place, how }: (typeof cuts)[number], moment: string, departing: boolean): Promise<Happened> {
  const actor = departing ? stage.holder : stage.other();
  if (!departing) await stage.free();
  const cutAt = ({ phase }: { readonly phase: string }): void => {
    if (phase === moment) actor.proxy.cut(place, how);
  };
  const command = departing ? stage.suspend(cutAt) : actor.host.call('resume', { name: stage.desktop, eager: false, wait: true }, cutAt);
  const outcome = outcomeOf(command);
  // A network that is away for ten seconds: longer than the store's client tries, shorter than anybody's patience with a commit.
  await Promise.race([outcome, new Promise((resolve) => setTimeout(resolve, 10_000))]);
  await actor.proxy.heal();
  return { ends: ['goes-on'], unknownOutcomes: unknownIn(await outcome) };
}

const cutOff = cuts.map(
  (cut): RealFault => ({
    name: cut.name,
    row: tableB.cutOff,
    does: `cuts a host off from ${cut.says}, in a phase of suspend or resume, for ten seconds`,
    quickRuns: cut.quickRuns,
    fullRuns: 8,
    run: (stage, random, run) => {
      const departing = run % 2 === 0;
      return cutWhile(stage, cut, pickOf(random, departing ? departMoments : arriveMoments), departing);
    },
  }),
);

/** Routes whose answer decides about ownership or about what is safe. */
const decisive: readonly { readonly route: RouteId; readonly departing: boolean; readonly storeFails?: boolean }[] = [
  { route: 'commitCheckpoint', departing: true },
  { route: 'acquireDesktop', departing: false },
  { route: 'mintUrls', departing: true },
  { route: 'readReceipt', departing: true },
  // A resume that cannot read anything gives the desktop up again.
  { route: 'releaseDesktop', departing: false, storeFails: true },
];

const spoilt: readonly { readonly name: string; readonly toxic: Toxic; readonly says: string; readonly quickRuns: number }[] = [
  { name: 'reply-lost', toxic: { kind: 'lost-answer' }, says: 'carried out, and its answer lost', quickRuns: 1 },
  { name: 'reply-duplicated', toxic: { kind: 'duplicate' }, says: 'sent twice', quickRuns: 1 },
  { name: 'reply-late', toxic: { kind: 'delay', requestMs: 0, answerMs: 20_000 }, says: 'answered twenty seconds late', quickRuns: 0 },
  { name: 'request-late', toxic: { kind: 'delay', requestMs: 20_000, answerMs: 0 }, says: 'carried out twenty seconds late', quickRuns: 0 },
];

async function spoil(stage: Stage, toxic: Toxic, { route, departing, storeFails = false }: (typeof decisive)[number]): Promise<Happened> {
  if (!departing) await stage.free();
  const actor = departing ? stage.holder : stage.other();
  if (storeFails) actor.proxy.rule = ({ place }) => (place === 'store' ? failedAnswers['answers 500'] : undefined);
  void actor.proxy.next(route, toxic);
  const spoilt = actor.proxy.spoilt;
  const outcome = await outcomeOf(departing ? stage.suspend() : actor.host.call('resume', { name: stage.desktop, eager: storeFails, wait: true }));
  return { ends: ['goes-on'], unknownOutcomes: unknownIn(outcome), violations: actor.proxy.spoilt > spoilt ? [] : [`${route} was never asked`] };
}

const replies = spoilt.map(
  ({ name, toxic, says, quickRuns }): RealFault => ({
    name,
    row: tableB.reply,
    does: `one request about ownership is ${says}: acquire, commit, a write's permission, a receipt, release`,
    quickRuns,
    fullRuns: 2 * decisive.length,
    run: (stage, random, run, runs) => spoil(stage, toxic, variant(decisive, random, run, runs)),
  }),
);

export const networkFaults: readonly RealFault[] = [...cutOff, ...replies];
