// Gets everything ready, then runs a program on the pinned Node:
//   node infra/bootstrap/run.mjs PROGRAM.js [ARGUMENT...]
// The program's standard streams, exit code and signals are this process's own.
import { spawn } from 'node:child_process';
import { join } from 'node:path';
import { ROOT_DIR } from './command.mjs';
import { bootstrapOrSay } from './bootstrap.mjs';
import { NODE } from './packages.mjs';

const [program, ...args] = process.argv.slice(2);
if (program === undefined) {
  process.stderr.write('usage: node infra/bootstrap/run.mjs PROGRAM.js [ARGUMENT...]\n');
  process.exit(2);
}
if (!(await bootstrapOrSay())) process.exit(1);

const child = spawn(NODE, ['--enable-source-maps', join(ROOT_DIR, program), ...args], { stdio: 'inherit' });
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) {
  process.on(signal, () => {
    // A terminal sends ^C to the whole group: the child has it already.
    if (signal !== 'SIGINT' || !process.stdin.isTTY) child.kill(signal);
  });
}
child.on('error', (error) => {
  process.stderr.write(`setup: can't start ${NODE}: ${error.message}\n`);
  process.exit(1);
});
child.on('exit', (code, signal) => {
  if (signal === null) process.exit(code);
  process.removeAllListeners(signal);
  process.kill(process.pid, signal);
});
