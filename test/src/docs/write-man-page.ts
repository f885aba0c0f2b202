import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { root } from '../tidy/sources.ts';
import { manPageNow, manPath } from './man-page.ts';

writeFileSync(join(root, manPath), manPageNow());
