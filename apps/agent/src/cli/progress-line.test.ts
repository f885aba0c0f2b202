import assert from 'node:assert/strict';
import { EventEmitter, once } from 'node:events';
import { setImmediate } from 'node:timers/promises';
import { describe, test } from 'node:test';
import type { ControlProgress } from '@godwit/wire';
import { erase, formOf, ProgressLine, progressText, repeatMs, type ProgressForm } from './progress-line.ts';

const mib = 2 ** 20;
const upload: ControlProgress = { phase: 'upload', doneBytes: 93 * mib, totalBytes: 210 * mib, bytesPerSecond: 17 * mib, leftMs: 6_880, elapsedMs: 12_000, say: null };
const uploadText = 'upload    12.0 s  93.0 MiB of ~210 MiB  17.0 MiB/s  about 7 s left';

describe('the line of progress', () => {
  for (const [progress, text] of [
    [upload, uploadText],
    [{ phase: 'check', doneBytes: 0, totalBytes: null, bytesPerSecond: null, leftMs: null, elapsedMs: 3 }, 'check     3 ms'],
    [{ phase: 'capture', doneBytes: mib, totalBytes: null, bytesPerSecond: null, leftMs: null, elapsedMs: 500 }, 'capture   500 ms  1.0 MiB'],
    [{ phase: 'upload', doneBytes: 93 * mib, totalBytes: 210 * mib, bytesPerSecond: 0, leftMs: null, elapsedMs: 12_000 }, 'upload    12.0 s  93.0 MiB of ~210 MiB  waiting'],
    [{ phase: 'upload', doneBytes: mib, totalBytes: 2 * mib, bytesPerSecond: 1, leftMs: 150_000, elapsedMs: 1_000 }, 'upload    1.00 s  1.0 MiB of ~2.0 MiB  1 B/s  about 3 min left'],
    [{ phase: 'upload', doneBytes: mib, totalBytes: 2 * mib, bytesPerSecond: 1, leftMs: 36e6, elapsedMs: 1_000 }, 'upload    1.00 s  1.0 MiB of ~2.0 MiB  1 B/s  about 10 h left'],
  ] as const) test(text, () => assert.equal(progressText(progress), text));
});

/** What stderr is to it, with all that was written. */
class Screen extends EventEmitter {
  written = '';
  readonly isTTY = true as const;
  columns = 100;
  write(text: string): boolean {
    this.written += text;
    return true;
  }
  /** What was written since. */
  take(): string {
    const taken = this.written;
    this.written = '';
    return taken;
  }
}

describe('progress', () => {
  let nowMs = 0;
  const clock = { workMs: () => nowMs, wallMs: () => nowMs, bootMs: () => nowMs };
  const open = (form: ProgressForm): { screen: Screen; line: ProgressLine } => {
    const screen = new Screen();
    return { screen, line: new ProgressLine(screen as unknown as ConstructorParameters<typeof ProgressLine>[0], form, clock) };
  };

  test('is a line that is redrawn on a terminal, lines in a pipe, and an event each where it is asked to be plain', () => {
    assert.deepEqual([formOf(true, {}), formOf(false, {}), formOf(true, { GODWIT_PLAIN: '1' }), formOf(false, { GODWIT_PLAIN: '1' }), formOf(true, { GODWIT_PLAIN: '' })], ['live', 'quiet', 'events', 'events', 'live']);
  });

  test('on a terminal takes the place of what it was, and is gone in the end', () => {
    const { screen, line } = open('live');
    line.show(upload);
    assert.equal(screen.take(), `\r\u001b[J${uploadText}`);
    line[Symbol.dispose]();
    assert.equal(screen.take(), '\r\u001b[J');
    assert.equal(screen.listenerCount('resize'), 0);
  });

  test('on a terminal that becomes narrower takes away every row of itself, and is never longer than a row', () => {
    const { screen, line } = open('live');
    line.show(upload);
    screen.take();
    screen.columns = 30;
    screen.emit('resize');
    const redrawn = screen.take();
    assert.equal(redrawn, `\u001b[2A\r\u001b[J${uploadText.slice(0, 29)}`);
    screen.columns = 200;
    screen.emit('resize');
    assert.equal(screen.take(), `\r\u001b[J${uploadText}`);
    line[Symbol.dispose]();
    assert.equal(erase(60, 30), '\u001b[1A\r\u001b[J');
    assert.equal(erase(61, 30), '\u001b[2A\r\u001b[J');
  });

  test('in a pipe is quiet for ten seconds, then a whole line every ten', (t) => {
    t.mock.timers.enable({ apis: ['setInterval'] });
    const { screen, line } = open('quiet');
    line.show(upload);
    line.show({ ...upload, phase: 'commit' });
    assert.equal(screen.take(), '');
    nowMs += repeatMs;
    t.mock.timers.tick(repeatMs);
    assert.equal(screen.take(), `${uploadText.replace('upload', 'commit').replace('12.0 s', '22.0 s')}\n`);
    nowMs += repeatMs;
    t.mock.timers.tick(repeatMs);
    assert.match(screen.take(), /^commit {4}32\.0 s.*\n$/);
    line[Symbol.dispose]();
    t.mock.timers.tick(repeatMs);
    assert.equal(screen.take(), '');
  });

  test('where it is plain is one line per phase, without a control byte', () => {
    const { screen, line } = open('events');
    for (const phase of ['capture', 'capture', 'upload', 'upload', 'commit']) line.show({ ...upload, phase });
    line[Symbol.dispose]();
    assert.deepEqual(screen.written.split('\n').map((each) => each.split(' ')[0]), ['capture', 'upload', 'commit', '']);
    // eslint-disable-next-line no-control-regex -- they are what must not be there
    assert.doesNotMatch(screen.written, /[\u0000-\u0009\u000b-\u001f]/);
  });

  test('as JSON has the same numbers, and what is said', () => {
    const { screen, line } = open('json');
    line.show(upload);
    line.show({ ...upload, say: 'everything is fetched first' });
    line.show({ ...upload, say: 'everything is fetched first' });
    line[Symbol.dispose]();
    assert.deepEqual(screen.written.trim().split('\n').map((each) => JSON.parse(each) as unknown), [{ progress: upload }, { progress: { ...upload, say: 'everything is fetched first' } }]);
  });

  test('what must be said is said at once, once, above the line', () => {
    for (const form of ['live', 'quiet', 'events'] as const) {
      const { screen, line } = open(form);
      for (let i = 0; i < 2; i += 1) line.show({ ...upload, say: 'godwit approve ABCD' });
      line[Symbol.dispose]();
      assert.equal(screen.written.split('godwit approve ABCD\n').length, 2, form);
    }
  });

  for (const form of ['live', 'quiet'] as const) {
    test(`SIGUSR1 prints where it stands, at once (${form})`, async () => {
      const { screen, line } = open(form);
      line.show(upload);
      screen.take();
      const arrived = once(process, 'SIGUSR1');
      process.kill(process.pid, 'SIGUSR1');
      await arrived;
      await setImmediate();
      assert.ok(screen.take().includes(`${uploadText}\n`));
      line[Symbol.dispose]();
    });
  }
});
