import { deepEqual, equal, rejects } from 'node:assert/strict';
import { mkdtempSync, readdirSync, readlinkSync, renameSync, rmSync, symlinkSync, unlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { OpenFiles, type OpenFile } from './open-files.ts';

let directory: string;
before(() => (directory = mkdtempSync(join(tmpdir(), 'godwit-open-'))));
after(() => rmSync(directory, { recursive: true }));

const pathOf = (name: string): string => join(directory, name);
const same = (error: unknown): unknown => error;
const lengthOf = ({ lengthBytes }: OpenFile): Promise<number> => Promise.resolve(lengthBytes);

/** Files of ours that this process has open. */
async function openNow(): Promise<number> {
  for (let turn = 0; turn < 5; turn += 1) await new Promise((resolve) => setTimeout(resolve, 4));
  return readdirSync('/proc/self/fd').filter((fd) => {
    try {
      return readlinkSync(`/proc/self/fd/${fd}`).startsWith(directory);
    } catch {
      return false; // It was the listing's own.
    }
  }).length;
}

test('a file that is used again is opened once, one that was removed, replaced or forgotten is looked at anew', async () => {
  const files = new OpenFiles();
  writeFileSync(pathOf('a'), 'four');
  const uses = await Promise.all([1, 2, 3].map(() => files.using(pathOf('a'), ({ fd }) => Promise.resolve(fd), same)));
  deepEqual([new Set(uses).size, await openNow()], [1, 1]);
  unlinkSync(pathOf('a'));
  await rejects(files.using(pathOf('a'), lengthOf, same), { code: 'ENOENT' });
  writeFileSync(pathOf('a'), 'longer');
  equal(await files.using(pathOf('a'), lengthOf, same), 6);
  writeFileSync(pathOf('a.new'), 'the longest');
  renameSync(pathOf('a.new'), pathOf('a'));
  equal(await files.using(pathOf('a'), lengthOf, same), 11);
  writeFileSync(pathOf('a'), 'cut');
  files.forget(pathOf('a'));
  equal(await files.using(pathOf('a'), lengthOf, same), 3);
  files.close();
  equal(await openNow(), 0);
});

test('a file stays open while it is used, whatever is forgotten meanwhile, and no longer after a use that failed', async () => {
  const files = new OpenFiles();
  writeFileSync(pathOf('b'), 'four');
  await files.using(pathOf('b'), async (file) => {
    files.forget(pathOf('b'));
    equal(await openNow(), 1);
    equal(await files.using(pathOf('b'), lengthOf, same), file.lengthBytes);
  }, same);
  equal(await openNow(), 1);
  await rejects(files.using(pathOf('b'), () => Promise.reject(new Error('cut')), same), /cut/);
  equal(await openNow(), 0);
});

test('no more than 64 idle files are open, and none for longer than a second', async () => {
  const files = new OpenFiles();
  for (let at = 0; at < 70; at += 1) {
    writeFileSync(pathOf(`many-${at}`), 'x');
    await files.using(pathOf(`many-${at}`), lengthOf, same);
  }
  equal(await openNow(), 64);
  await new Promise((resolve) => setTimeout(resolve, 1_200));
  equal(await openNow(), 0);
});

test('a symbolic link is not followed, and what opening throws is told in the caller\'s words', async () => {
  const files = new OpenFiles();
  symlinkSync('/etc/passwd', pathOf('link'));
  await rejects(files.using(pathOf('link'), lengthOf, same), { code: 'ELOOP' });
  await rejects(files.using(pathOf('none'), lengthOf, () => new Error('there is none')), /there is none/);
  equal(await openNow(), 0);
});
