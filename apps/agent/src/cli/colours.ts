import { styleText } from 'node:util';

/** Marks a piece of text for the eye. What it means is said by the text too: colour is never all there is. */
export type Paint = (mark: Mark, text: string) => string;
export type Mark = 'good' | 'doubtful' | 'bad' | 'strong' | 'faint';

const formats = { good: 'green', doubtful: 'yellow', bad: 'red', strong: 'bold', faint: 'dim' } as const;

export const plain: Paint = (_mark, text) => text;

/** The paint of `stream`: none unless it may be coloured. */
export function paintFor(stream: { readonly isTTY?: boolean }, environment: NodeJS.ProcessEnv): Paint {
  // The stream was judged here; styleText would judge process.stdout again.
  return mayColour(stream.isTTY === true, environment) ? (mark, text) => styleText(formats[mark], text, { validateStream: false }) : plain;
}

/** NO_COLOR and GODWIT_PLAIN forbid it, then CLICOLOR_FORCE asks for it, CLICOLOR=0 forbids it; else a terminal that knows colours gets them. Pure. */
export function mayColour(terminal: boolean, environment: NodeJS.ProcessEnv): boolean {
  if (isSet(environment['NO_COLOR']) || isSet(environment['GODWIT_PLAIN'])) return false;
  const force = environment['CLICOLOR_FORCE'];
  if (isSet(force) && force !== '0') return true;
  return terminal && environment['CLICOLOR'] !== '0' && environment['TERM'] !== 'dumb';
}

function isSet(value: string | undefined): boolean {
  return value !== undefined && value !== '';
}
