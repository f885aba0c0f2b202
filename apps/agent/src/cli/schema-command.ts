import { tell } from './ask.ts';
import type { Shell } from './shell.ts';

/** `godwit schema`: what `--json` prints, for programs that read it. */
export function schemaCommand({ add }: Shell): void {
  add('schema', 'the JSON schema of what every command prints with --json').action(async () => {
    const { commandLineSchema } = await import('@godwit/wire');
    tell(JSON.stringify(commandLineSchema(), null, 2));
  });
}
