import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { root } from '../tidy/sources.ts';
import { exitCodeTable, operationsPath, withTable } from './exit-codes.ts';

const path = join(root, operationsPath);
writeFileSync(path, withTable(readFileSync(path, 'utf8'), exitCodeTable()));
