import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { systemRandom, type Clock } from '@godwit/base';
import { Admission, idleLifeMs, linkLifeMs, viewsMax } from './admission.ts';

function admissionAt(): { admission: Admission; pass: (ms: number) => void } {
  let nowMs = 0;
  const clock: Clock = { wallMs: () => 0, bootMs: () => 0, workMs: () => nowMs };
  return { admission: new Admission(clock, systemRandom), pass: (ms) => (nowMs += ms) };
}

describe('the right to look at a screen', () => {
  test('is had for a link once, and by the cookie from then on', () => {
    const { admission } = admissionAt();
    const { view, token } = admission.open('work');
    assert.equal(admission.admit(view.place, undefined), undefined);
    const cookie = admission.enter(view.place, token);
    assert.equal(admission.admit(view.place, cookie), view);
    assert.equal(admission.enter(view.place, token), undefined, 'the link twice');
    assert.equal(admission.admit(view.place, token), undefined, 'the token is no cookie');
  });

  test('is not had with what belongs to another view', () => {
    const { admission } = admissionAt();
    const [one, two] = [admission.open('work'), admission.open('play')];
    assert.equal(admission.enter(one.view.place, two.token), undefined);
    assert.equal(admission.enter('x'.repeat(32), one.token), undefined);
    const cookie = admission.enter(two.view.place, two.token);
    admission.enter(one.view.place, one.token);
    assert.equal(admission.admit(one.view.place, cookie), undefined);
  });

  test('ends when nobody used the link, or nobody has looked for a while, and not while somebody does', () => {
    const { admission, pass } = admissionAt();
    const unused = admission.open('work');
    const used = admission.open('work');
    const cookie = admission.enter(used.view.place, used.token);
    const gone = admission.look(used.view);
    pass(linkLifeMs);
    assert.equal(admission.enter(unused.view.place, unused.token), undefined);
    assert.ok(unused.view.ended.aborted);
    pass(idleLifeMs * 3);
    assert.equal(admission.admit(used.view.place, cookie), used.view);
    gone();
    pass(idleLifeMs - 1);
    assert.equal(admission.admit(used.view.place, cookie), used.view);
    pass(1);
    assert.equal(admission.admit(used.view.place, cookie), undefined);
    assert.equal(admission.size, 0);
  });

  test('the one that is used least makes room; those that are looked at do not', () => {
    const { admission, pass } = admissionAt();
    const first = admission.open('work');
    for (let count = 1; count < viewsMax; count += 1) {
      pass(1);
      admission.look(admission.open('work').view);
    }
    pass(1);
    const last = admission.open('work');
    assert.deepEqual([admission.size, first.view.ended.aborted], [viewsMax, true]);
    admission.look(last.view);
    assert.throws(() => admission.open('work'), { code: 'VIEWS_FULL' });
  });
});
