import type { SourceFile } from './sources.ts';

/** A command that prose tells people to type. */
export interface NamedCommand {
  readonly place: string;
  readonly name: string;
}

/** Scripts named as `npm run X`, `npm test` or `npm start`, anywhere in the text. */
export function npmScripts(file: SourceFile): NamedCommand[] {
  return matches(file, /\bnpm (?:run(?:-script)? (?:-s |--silent )?([\w:-]+)|(test|start)\b)/g);
}

/** Subcommands named as `godwit X`, in code spans and code blocks: prose around them speaks of Godwit, not of its command. */
export function godwitSubcommands(file: SourceFile): NamedCommand[] {
  return matches({ ...file, text: codeOnly(file.text) }, /(?:^|[\s`(;&|]|\$ )godwit ((?:[a-z][a-z-]*)(?: \| [a-z][a-z-]*)*)/g).flatMap(({ place, name }) => name.split(' | ').map((each) => ({ place, name: each })));
}

/** The text with everything outside of code spans and blocks blanked, line by line so that places stay right. */
function codeOnly(text: string): string {
  let inBlock = false;
  return text
    .split('\n')
    .map((line) => {
      if (/^\s*```/.test(line)) {
        inBlock = !inBlock;
        return '';
      }
      return inBlock ? line : [...line.matchAll(/`([^`]+)`/g)].map(([, code]) => code).join(' ; ');
    })
    .join('\n');
}

function matches({ path, text }: SourceFile, pattern: RegExp): NamedCommand[] {
  return text.split('\n').flatMap((line, index) =>
    [...line.matchAll(pattern)].flatMap((match) => {
      const name = match[1] ?? match[2];
      return name === undefined ? [] : [{ place: `${path}:${index + 1}`, name }];
    }),
  );
}

/** Names of the subcommands in what `godwit --help` prints: commander's table under "Commands:". */
export function subcommandsOfHelp(help: string): Set<string> {
  const table = help.slice(help.indexOf('Commands:')).split('\n').slice(1);
  return new Set(table.flatMap((line) => /^ {2}([a-z][a-z-]*)/.exec(line)?.[1] ?? []));
}
