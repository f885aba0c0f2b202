import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import type { FigureFile } from './figure-file.ts';
import { readPerformancePage } from './performance-files.ts';
import { tablesText, withTables } from './performance-page.ts';
import { row } from './row.ts';
import { benchTables, callOf } from './selection.ts';

const machine: FigureFile['machine'] = { cpu: 'A processor', cores: 2, memoryBytes: 24 * 2 ** 30, kernel: '6.1', system: 'Debian', qemu: '7.2.22', accelerator: 'tcg', node: 'v24', restic: '0.14', borg: null, loadBefore: 0.05 };
const values = { name: 'running', unit: 'ms', ours: [250], peerName: 'post-copy', peer: [50], bar: { plus: 300 } } as const;
const fileOf = (name: string): FigureFile => ({
  command: `npm run bench -- --table ${name}`, measuredOn: '2026-11-21', machine, rows: [row(values, { guestMiB: 512, link: 'loopback', load: 'idle' })], leftOut: [{ name: 'later', peerName: 'restic', why: 'no network\nreally' }],
});
const page = (inside: string): string => `# Before\n<!-- made by npm run bench -- --table NAME: begin -->\n${inside}<!-- made by npm run bench -- --table NAME: end -->\nafter\n`;

describe('the tables of docs/performance.md', () => {
  test('are what the bench made of docs/figures', () => {
    const { is, shouldBe } = readPerformancePage();
    assert.equal(is, shouldBe, 'docs/performance.md was edited between the markers, or docs/figures was: measure that table again (npm run bench -- --help)');
  });

  test('name a command each that measures just them', () => {
    for (const { name } of benchTables) {
      const call = callOf(fileOf(name).command.split(' ').slice(4));
      assert.deepEqual(call.kind === 'tables' ? call.tables.map((table) => table.name) : [], [name]);
    }
  });

  test('say how, when and on what they were measured, what was left out, and each row with its bar', () => {
    const text = tablesText(new Map([['512', fileOf('512')]]));
    for (const words of ['### 512 MiB, idle', '```sh\nnpm run bench -- --table 512\n```', '2026-11-21, 512 MiB, loopback, idle', '2 cores A processor', 'software emulation', 'restic 0.14', 'load 0.05', 'Left out: later against restic: no network\n']) assert.ok(text.includes(words), words);
    assert.ok(text.includes('\n| running | 250 ms | 50 ms | 5.00 | <= 300 ms | met | 1/1 | post-copy |\n'), text);
    assert.ok(!text.includes('really'));
  });

  test('stand in their order between two markers, and nothing else is touched', () => {
    const files = new Map([['2048', fileOf('2048')], ['512', fileOf('512')]]);
    const text = withTables(page('old\n'), files);
    assert.ok(text.startsWith('# Before\n') && text.endsWith('end -->\nafter\n') && !text.includes('old'));
    assert.ok(text.indexOf('### 512') < text.indexOf('### 2 GiB'));
    assert.equal(withTables(text, files), text);
    assert.equal(withTables(text, new Map()), page(''));
  });

  test('a page without its markers, or a figure file of no table, is refused', () => {
    for (const text of ['no markers', page('').replace('begin', ''), page('').replace('end -->', ''), page('') + page('')]) assert.throws(() => withTables(text, new Map()), /needs one line/);
    assert.throws(() => tablesText(new Map([['1024', fileOf('512')]])), /no table is named 1024/);
  });
});
