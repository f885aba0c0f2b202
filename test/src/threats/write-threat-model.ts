import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { root } from '../tidy/sources.ts';
import { pagePath, withRows } from './page.ts';

const path = join(root, pagePath);
writeFileSync(path, withRows(readFileSync(path, 'utf8')));
