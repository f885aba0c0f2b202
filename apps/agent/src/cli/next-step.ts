import type { Fault, FaultCode } from '@godwit/base';
import type { ControlResult, DesktopStatus, NextStep, Whereabouts } from '@godwit/wire';

/** What somebody should type next, from what `godwit status` says. Pure. */

const noAccountYet: NextStep = { command: 'godwit init', why: 'makes a new account; on a second machine of an account that you have it is `godwit join`' };
const lookCloser: NextStep = { command: 'godwit doctor', why: 'says what is wrong and what to do about it' };

interface Obstacle {
  readonly situation: Whereabouts['situation'];
  readonly next: NextStep;
}

/** What stands before everything else. Whatever else `status` may refuse with, the doctor knows more. */
const obstacles: Partial<Record<FaultCode, Obstacle>> = {
  AGENT_UNREACHABLE: { situation: 'agent-down', next: { command: 'godwit agent', why: 'starts the agent of this host; leave it running, in a terminal of its own' } },
  AGENT_LOST: { situation: 'agent-down', next: { command: 'godwit agent', why: 'starts the agent again; it finds the desktops that run here' } },
  AGENT_DENIED: { situation: 'agent-of-another-user', next: { command: 'sudo godwit', why: 'the agent answers to the user that runs it, here mostly root' } },
  LOCKED: { situation: 'locked', next: { command: 'godwit unlock', why: 'asks for the passphrase of this host' } },
  NOT_ENROLLED: { situation: 'not-enrolled', next: noAccountYet },
  HOST_REVOKED: { situation: 'shut-out', next: { command: 'godwit doctor', why: 'this host was revoked: it says how to come back with new keys' } },
  HOST_BARRED: { situation: 'shut-out', next: { command: 'godwit doctor', why: 'an operator keeps this host out; what was committed is safe' } },
};

/** What bare `godwit` tells. `image`: a disk image that lies at hand, for the first desktop. */
export function whereaboutsOf(status: ControlResult<'status'> | Fault, image: string | undefined): Whereabouts {
  if (!('desktops' in status)) {
    const { situation, next } = obstacles[status.code] ?? { situation: 'cannot-run', next: lookCloser };
    return { situation, cause: { code: status.code, message: status.message }, hostName: null, coordinator: null, desktops: [], next };
  }
  const { hostName, coordinator, reachable } = status;
  const desktops = status.desktops.map((desktop) => ({ ...desktop, next: nextOf(desktop) }));
  const [first] = desktops.toSorted((a, b) => urgency.indexOf(a.state) - urgency.indexOf(b.state));
  const known = { cause: null, hostName, coordinator, desktops };
  if (!reachable) return { ...known, situation: 'coordinator-out-of-reach', next: first !== undefined && isHere(first) ? first.next : lookCloser };
  return first === undefined ? { ...known, situation: 'no-desktop', next: firstDesktop(image) } : { ...known, situation: 'desktops', next: first.next };
}

/** Which desktop needs its person first. */
const urgency: readonly DesktopStatus['state'][] = ['unknown', 'damaged', 'lost', 'saved', 'departing', 'left', 'arriving', 'running', 'filling', 'stopped', 'free', 'elsewhere', 'new'];

/** States of which this host knows by itself. */
function isHere({ state }: DesktopStatus): boolean {
  return state !== 'free' && state !== 'elsewhere' && state !== 'new';
}

export function nextOf({ name, state, holder, holding, offline }: DesktopStatus): NextStep {
  const step = (command: string, why: string): NextStep => ({ command: `godwit ${command}`, why });
  if (holding === 'superseded') return step(`status ${name}`, 'it was taken over elsewhere; what is here becomes a desktop of its own');
  if ((holding === 'asking' || holding === 'waiting') && (state === 'running' || state === 'filling')) return step(`wait ${name} --for running`, `it is paused until the coordinator confirms it${offline === 'stop' ? ' (it is strict)' : ''}`);
  switch (state) {
    case 'unknown':
      return step(`wait ${name} --for safe`, 'do not close the lid: it is not known yet whether it was committed');
    case 'damaged':
      return step(`history ${name}`, 'its record here cannot be read; this is what is safe in the store');
    case 'lost':
      return step(`resume ${name}`, 'its machine was lost here; it goes on from its last checkpoint');
    case 'saved':
      return step(`wait ${name} --for safe`, 'it is on this machine only, and goes to the store as soon as that is in reach');
    case 'departing':
      return step(`wait ${name} --for safe`, 'it is on its way into the store');
    case 'left':
      return step(`status ${name}`, 'it was taken over elsewhere; what is here becomes a desktop of its own');
    case 'arriving':
      return step(`wait ${name} --for running`, 'it is on its way here');
    case 'running':
      return step(`suspend ${name}`, 'puts it safely into the store, so that it can go on elsewhere');
    case 'filling':
      return step(`wait ${name} --for resumed`, 'it runs, and fetches what is not here yet');
    case 'stopped':
      return step(`start ${name}`, 'switches it on');
    case 'free':
      return step(`resume ${name}`, 'goes on with it here');
    case 'elsewhere':
      return step(`move ${name}`, `${holder ?? 'another host'} has it: it is suspended there first, then goes on here; a host that is out of reach is said to be, and nothing is given up`);
    case 'new':
      return step(`history ${name}`, 'nobody has it and it was never saved: start and suspend it on the host that made it');
  }
}

/** A small system that boots by itself from its disk with BIOS firmware and needs no answers. */
export const firstImageUrl = 'https://cloud.debian.org/images/cloud/bookworm/latest/debian-12-nocloud-amd64.qcow2';

function firstDesktop(image: string | undefined): NextStep {
  if (image === undefined) return { command: `curl -LO ${firstImageUrl}`, why: 'fetches a Debian image for a first desktop; then type `godwit` here again' };
  return { command: `godwit create work --image ${quoted(image)}`, why: 'makes a first desktop, called work, from that image' };
}

/** As a shell reads it back. */
function quoted(path: string): string {
  return /^[\w./-]+$/.test(path) ? path : `'${path.replaceAll("'", "'\\''")}'`;
}
