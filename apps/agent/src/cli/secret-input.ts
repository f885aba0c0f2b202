import { Fault } from '@godwit/base';

export interface Wanted {
  readonly prompt: string;
  /** Whether a line ends the input; else the next line goes on with it. */
  readonly isWhole: (text: string) => boolean;
}

/** Words and passphrases together; more is not somebody's typing. */
const charactersMax = 8192;

/** One secret per wish: at a terminal asked for one after the other and not shown, else the lines of stdin. Throws CANCELLED, ARGUMENT_INVALID. */
export async function readSecrets(wanted: readonly Wanted[]): Promise<string[]> {
  if (!process.stdin.isTTY) return linesOf(await readAll(), wanted.length);
  const secrets: string[] = [];
  for (const { prompt, isWhole } of wanted) secrets.push(await typed(prompt, isWhole));
  return secrets;
}

function linesOf(text: string, count: number): string[] {
  const lines = text.split(/\r?\n/);
  // Words may come one per line where nothing else is wanted.
  return count === 1 ? [text.trim()] : lines.slice(0, count);
}

async function readAll(): Promise<string> {
  let text = '';
  for await (const chunk of process.stdin) {
    text += (chunk as Buffer).toString('utf8');
    if (text.length > charactersMax) throw new Fault('ARGUMENT_INVALID', { subject: 'stdin', expected: `at most ${charactersMax} characters` });
  }
  return text;
}

const [enter, controlC, controlD, backspace, rubout] = ['\r', '\u0003', '\u0004', '\u0008', '\u007f'];

function typed(prompt: string, isWhole: (text: string) => boolean): Promise<string> {
  const { stdin, stderr } = process;
  stderr.write(prompt);
  stdin.setRawMode(true);
  stdin.resume();
  let text = '';
  return new Promise((resolve, reject) => {
    const end = (finish: () => void): void => {
      stdin.off('data', take);
      stdin.setRawMode(false);
      stdin.pause();
      stderr.write('\n');
      finish();
    };
    const take = (chunk: Buffer): void => {
      for (const character of chunk.toString('utf8')) {
        if (character === controlC || character === controlD || text.length > charactersMax) {
          end(() => reject(new Fault('CANCELLED')));
          return;
        }
        if (character === backspace || character === rubout) text = text.slice(0, -1);
        else if (character !== enter && character !== '\n') text += character;
        else if (isWhole(text)) {
          end(() => resolve(text));
          return;
        } else text += ' ';
      }
    };
    stdin.on('data', take);
  });
}
