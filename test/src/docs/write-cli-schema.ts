import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { commandLineSchema } from '@godwit/wire';
import { schemaPath } from '../house/command-output.ts';
import { root } from '../tidy/sources.ts';

writeFileSync(join(root, schemaPath), `${JSON.stringify(commandLineSchema(), null, 2)}\n`);
