// Puts what one of our programs needs to run below a folder, without Node: for images that have their own.
//   node infra/packages/stage.mjs agent|coordinator FOLDER
import { resolve } from 'node:path';
import { KINDS } from './kinds.mjs';
import { copyTree } from './tree.mjs';

const [kind, folder] = process.argv.slice(2);
if (KINDS[kind] === undefined || folder === undefined) {
  process.stderr.write(`usage: node infra/packages/stage.mjs ${Object.keys(KINDS).join('|')} FOLDER\n`);
  process.exitCode = 2;
} else copyTree(KINDS[kind], resolve(folder), { withNode: false });
