#!/usr/bin/env node
import { keepCompiledCode } from './compiled-code.ts';

const words = process.argv.slice(2);
// A shell that completes a line waits for it: nothing else is loaded for that.
if (words[0] === 'complete-names') await (await import('./complete-names.ts')).completeNames(words[1]);
else {
  keepCompiledCode();
  await (await import('./run.ts')).run(words);
}
