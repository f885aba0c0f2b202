import type { ControlProgress, ControlResult, DesktopStatus, ViewState } from '@godwit/wire';
import type { Operation } from '../desktop/activity.ts';

/** What the page of a screen says of its desktop. Pure. */

/** What is known beside the desktop's state: of the last thing that was done with it here. */
export interface LastDone {
  readonly operation: Operation;
  /** Undefined once it has ended. */
  readonly progress: ControlProgress | undefined;
  /** The checkpoint that a suspend made, proven to be in the store. */
  readonly safe: { readonly sequence: number; readonly leaf: number } | undefined;
  /** Why it failed. */
  readonly failure: string | undefined;
}

export const nothingDone: LastDone = { operation: 'resume', progress: undefined, safe: undefined, failure: undefined };

/** `status` undefined: it is not here, and where it is cannot be asked now. */
export function viewStateOf(name: string, status: DesktopStatus | undefined, last: LastDone, screen: boolean): ViewState {
  const { headline, detail, tone } = told(name, status, last);
  const { progress } = last;
  return { name, headline, detail, tone, screen, progress: progress === undefined || last.operation === 'checkpoint' ? null : { doneBytes: progress.doneBytes, totalBytes: progress.totalBytes } };
}

type Told = Pick<ViewState, 'headline' | 'detail' | 'tone'>;

function told(name: string, status: DesktopStatus | undefined, last: LastDone): Told {
  if (last.progress !== undefined && last.operation !== 'checkpoint') {
    const doing = last.operation === 'suspend' ? 'Suspending' : 'Resuming here';
    return { headline: `${doing}: ${last.progress.phase}`, detail: last.operation === 'suspend' ? 'Do not close the lid yet.' : '', tone: 'moves' };
  }
  if (status === undefined) return { headline: 'Not here', detail: 'The coordinator is out of reach, so nobody knows where it is.', tone: 'trouble' };
  const trouble = last.failure ?? status.note ?? '';
  switch (status.state) {
    case 'running':
      return { headline: 'Running here', detail: trouble, tone: last.failure === undefined ? 'runs' : 'trouble' };
    case 'filling':
      return { headline: 'Running here', detail: 'The rest of it still comes from the store.', tone: 'runs' };
    case 'departing':
      return { headline: 'Suspending', detail: 'Do not close the lid yet.', tone: 'moves' };
    case 'arriving':
      return { headline: 'Resuming here', detail: '', tone: 'moves' };
    case 'free':
      return last.safe?.sequence === status.sequence ? safelyTold(name, last.safe) : { headline: 'Suspended', detail: `${checkpointOf(name, status)} is in the store. It goes on with: godwit resume ${name}`, tone: 'elsewhere' };
    case 'elsewhere':
      return { headline: `On ${status.holder ?? 'another host'}`, detail: `It comes here with: godwit move ${name}`, tone: 'elsewhere' };
    case 'saved':
      return { headline: 'Saved on this machine only', detail: `It goes to the store by itself. Here it goes on with: godwit resume ${name}`, tone: 'trouble' };
    case 'unknown':
      return { headline: 'Not known whether it is safe', detail: 'Do not close the lid: the agent asks again.', tone: 'trouble' };
    case 'stopped':
    case 'new':
      return { headline: 'Switched off', detail: `It starts with: godwit start ${name}`, tone: 'elsewhere' };
    case 'lost':
    case 'left':
    case 'damaged':
      return { headline: { lost: 'Its machine was lost here', left: 'Taken over elsewhere', damaged: 'Damaged' }[status.state], detail: trouble, tone: 'trouble' };
  }
}

function safelyTold(name: string, { sequence, leaf }: { readonly sequence: number; readonly leaf: number }): Told {
  return { headline: 'Safe to close the lid', detail: `${name}@${sequence} is in the store, proven by leaf ${leaf} of the audit log. It goes on with: godwit resume ${name}`, tone: 'safe' };
}

function checkpointOf(name: string, { sequence }: DesktopStatus): string {
  return sequence === null ? name : `${name}@${sequence}`;
}

/** What a result says of being safe. */
export function safeOf(operation: Operation, result: ControlResult<Operation>): LastDone['safe'] {
  if (operation !== 'suspend' || !('safe' in result) || !result.safe) return undefined;
  return { sequence: result.sequence, leaf: result.receipt.index };
}
