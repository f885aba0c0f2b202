import type { SourceFile } from '../tidy/sources.ts';

/** One of our programs as prose tells people to call it. */
export interface TypedCommand {
  readonly place: string;
  readonly program: 'godwit' | 'godwit-coordinator';
  readonly words: readonly string[];
  /** A line to be typed as it stands; else a mention, which may leave out what is not spoken of. */
  readonly whole: boolean;
}

interface Snippet {
  readonly line: number;
  readonly text: string;
  readonly typed: boolean;
}

/** Lines of `sh` blocks and lines behind a `$ ` are typed; code spans are mentions; what programs print is neither. */
function snippets(text: string): Snippet[] {
  let block: string | undefined;
  return text.split('\n').flatMap((line, index): Snippet[] => {
    const fence = /^\s*```(\w*)/.exec(line);
    if (fence !== null) {
      block = block === undefined ? fence[1]! : undefined;
      return [];
    }
    if (block === undefined) return [...line.matchAll(/`([^`]+)`/g)].map(([, code]) => ({ line: index + 1, text: code!, typed: false }));
    const prompted = /^\s*\$ (.*)$/.exec(line)?.[1];
    if (prompted !== undefined) return [{ line: index + 1, text: prompted, typed: true }];
    return block === 'sh' ? [{ line: index + 1, text: line.trim(), typed: true }] : [];
  });
}

/** Every call of `godwit` or `godwit-coordinator`. Errors of the programs (`godwit: error: ...`) are none. */
export function typedCommands({ path, text }: SourceFile): TypedCommand[] {
  return snippets(text).flatMap(({ line, text: snippet, typed }) => {
    const [program, ...words] = snippet.split(/(?:^|\s)#|[|;&]/)[0]!.trim().split(/\s+/);
    if (program !== 'godwit' && program !== 'godwit-coordinator') return [];
    return [{ place: `${path}:${line}`, program, words, whole: typed }];
  });
}

/** The long flags among `words`, without their values. */
export function flagsOf(words: readonly string[]): string[] {
  return words.filter((word) => word.startsWith('--')).map((word) => word.split('=')[0]!);
}

/** The long flags that a help text offers. */
export function flagsOfHelp(help: string): Set<string> {
  return new Set([...help.matchAll(/(?:^|[\s[])(--[a-z][a-z-]*)/gm)].map(([, flag]) => flag!));
}
