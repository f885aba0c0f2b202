import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync, symlinkSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, describe, test } from 'node:test';
import { lockDirectory } from './directory-lock.ts';

describe('the lock of a directory', () => {
  const directory = mkdtempSync(join(tmpdir(), 'godwit-lock-'));
  after(() => rmSync(directory, { recursive: true }));

  test('is one process’s at a time, by whatever name the directory goes; another purpose and another directory are free', async () => {
    const held = await lockDirectory('agent', directory);
    assert.ok(held !== undefined);
    symlinkSync(directory, `${directory}/same`);
    assert.equal(await lockDirectory('agent', directory), undefined);
    assert.equal(await lockDirectory('agent', `${directory}/same`), undefined);
    const others = [await lockDirectory('coordinator', directory), await lockDirectory('agent', tmpdir())];
    for (const other of others) await other?.release();
    assert.ok(others.every((other) => other !== undefined));
    await held.release();
    await (await lockDirectory('agent', directory))?.release();
  });

  test('ends with a process that is killed', async () => {
    const program = `import { lockDirectory } from ${JSON.stringify(new URL('./directory-lock.js', import.meta.url).href)};
      console.log((await lockDirectory('agent', ${JSON.stringify(directory)})) !== undefined); setInterval(() => {}, 1000);`;
    const child = spawn(process.execPath, ['--input-type=module', '--eval', program], { stdio: ['ignore', 'pipe', 'inherit'] });
    const exited = once(child, 'exit');
    assert.equal(String((await once(child.stdout, 'data') as [Buffer])[0]).trim(), 'true');
    assert.equal(await lockDirectory('agent', directory), undefined);
    child.kill('SIGKILL');
    await exited;
    const lock = await lockDirectory('agent', directory);
    assert.ok(lock !== undefined);
    await lock.release();
  });
});
