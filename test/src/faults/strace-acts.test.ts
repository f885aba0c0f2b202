import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { durableActs } from './durable-acts.ts';
import { injections, straceIsMissing } from './strace.ts';
import { countCalls, injectsOf, tryAct } from './strace-acts.ts';
import { orderFindings } from './write-order.ts';

describe('every file call of the durable state of an agent that fails or kills', { skip: straceIsMissing() ?? false }, () => {
  for (const act of durableActs) {
    test(`${act.name}: what is on the disk is what was before or what was written, and what the agent believes`, async (t) => {
      const { counts, findings } = await countCalls(act);
      const violations = [...findings];
      let hits = 0;
      // Some here; all of them in the campaign. Five and three have nothing in common, so each failure has its turn.
      const injects = injectsOf(counts, injections).filter((_, index) => index % 5 === 0);
      for (const inject of injects) {
        const tried = await tryAct(act, inject);
        violations.push(...tried.violations);
        if (tried.traced.hit) hits += 1;
      }
      assert.deepEqual(violations, []);
      assert.equal(hits, injects.length, 'calls that were to fail, and did');
      t.diagnostic(`${hits} calls failed or killed`);
    });
  }
});

describe('the order of writes', () => {
  const write = ['openat(AT_FDCWD, "/h/a.new", O_WRONLY|O_CREAT, 0600) = 21', 'write(21, "x", 1)                 = 1', 'fsync(21)                         = 0'];
  const name = 'rename("/h/a.new", "/h/a")        = 0';
  const folder = ['openat(AT_FDCWD, "/h", O_RDONLY) = 22', 'fsync(22)                         = 0'];

  test('file, name, folder; nothing else', () => {
    assert.deepEqual(orderFindings([...write, name, ...folder]), []);
    assert.deepEqual(orderFindings([...write, name.replace('rename', 'link')]), ['/h is not synced after /h/a got its name']);
    assert.deepEqual(orderFindings(['mkdir("/h/f", 0700) = 0']), ['/h is not synced after /h/f got its name']);
    assert.deepEqual(orderFindings(['mkdir("/h/f", 0700) = 0', ...folder]), []);
    assert.deepEqual(orderFindings([...write.slice(0, 2), name, ...folder]), ['/h/a.new takes the name /h/a before it is synced']);
    assert.deepEqual(orderFindings([...write, 'write(21, "y", 1) = 1', name, ...folder]), ['/h/a.new takes the name /h/a before it is synced']);
    assert.deepEqual(orderFindings([...write, name]), ['/h is not synced after /h/a got its name']);
    assert.deepEqual(orderFindings([...write, ...folder, name]), ['/h is not synced after /h/a got its name']);
  });
});
