/** `strace-driver.js ACT DIRECTORY`: does one act (durable-acts.ts) in a home, and prints how it ended and what it believes. */
import { homeAt } from '@godwit/agent';
import { Fault } from '@godwit/base';
import { durableActs } from './durable-acts.ts';

const [name, directory = ''] = process.argv.slice(2);
const act = durableActs.find((candidate) => candidate.name === name);
if (act === undefined) throw new Error(`no act is named ${name}`);
let said: unknown;
try {
  said = { done: true, believes: await act.act(homeAt(directory)) };
} catch (error) {
  said = { done: false, code: (error as NodeJS.ErrnoException).code ?? Fault.from(error).code };
}
process.stdout.write(`${JSON.stringify(said)}\n`);
