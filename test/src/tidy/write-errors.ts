import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { errorsPage, errorsPath } from './errors-page.ts';
import { root } from './sources.ts';

writeFileSync(join(root, errorsPath), errorsPage());
