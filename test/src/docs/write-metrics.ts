import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { root } from '../tidy/sources.ts';
import { withTables } from './metrics-tables.ts';

const path = join(root, 'docs/metrics.md');
writeFileSync(path, await withTables(readFileSync(path, 'utf8')));
