import { closeSync, mkdtempSync, openSync, readdirSync, readFileSync, readSync, rmSync, statSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { probeCapabilities } from '@godwit/agent';
import { silentLog } from '@godwit/base';
import { saveMemory } from './guest-pages.ts';
import { PeerMachine } from './peer-machine.ts';

/** Pages for the bench of frames: as they would stand in a checkpoint, one after the other, without those that are zero. */
export interface FrameContent {
  readonly name: string;
  /** Whole pages of 4 KiB. */
  readonly pages: Buffer;
}

const pageBytes = 4096;
const pieceBytes = 2 ** 20;
const zeroPage = Buffer.alloc(pageBytes);
const guestMiB = 512;
const image = resolve(import.meta.dirname, '..', '..', '..', '.cache', 'guest', 'guest-small.raw');

/** Boots the test guest with 512 MiB: what it has in memory then, and the pages of that which are others `workMs` later. */
export async function guestContents(workMs: number, mostBytes: number): Promise<FrameContent[]> {
  const directory = mkdtempSync('/tmp/godwit-p-');
  try {
    const host = await probeCapabilities({ program: 'qemu-system-x86_64', privilege: { kind: 'self' }, scratchDirectory: join(directory, 'probe'), log: silentLog });
    const machine = await PeerMachine.boot(host, image, guestMiB);
    try {
      const [first, later] = [join(directory, 'first'), join(directory, 'later')];
      saveMemory(machine.pid, guestMiB * 2 ** 20, first);
      await sleep(workMs);
      saveMemory(machine.pid, guestMiB * 2 ** 20, later);
      return [
        { name: 'guest', pages: pagesOf(first, (page) => !page.equals(zeroPage), mostBytes) },
        { name: 'changed', pages: pagesOf(later, (page, before) => !page.equals(before), mostBytes, first) },
      ];
    } finally {
      await machine.end();
    }
  } finally {
    rmSync(directory, { recursive: true, force: true });
  }
}

/** What a desktop's programs have in memory, from files of this machine: code and data of programs and libraries, text of programs and of documents. */
export function desktopContent(mostBytes: number): FrameContent {
  const libraries = '/usr/lib/x86_64-linux-gnu';
  const sources = [
    [process.execPath, ...filesIn(libraries, /\.so(\.\d+)*$/)],
    filesIn(resolve(import.meta.dirname, '..', '..', '..', 'node_modules'), /\.(js|ts|json|md)$/),
    filesIn('/usr/share', /\.(png|svg|ttf|html|mo|dat|conf)$/),
  ];
  const pieces = sources.map((files) => piecesOf(files, mostBytes / sources.length));
  // In turns, as memory is handed out to programs that run side by side.
  const turns = Array.from({ length: Math.max(...pieces.map((some) => some.length)) }, (_, turn) => pieces.flatMap((some) => some.slice(turn, turn + 1)));
  return { name: 'desktop', pages: Buffer.concat(turns.flat()) };
}

function filesIn(directory: string, names: RegExp): string[] {
  return readdirSync(directory, { withFileTypes: true, recursive: true }).filter((entry) => entry.isFile() && names.test(entry.name)).map((entry) => join(entry.parentPath, entry.name)).sort();
}

/** The files one after the other, in pieces of 64 KiB. */
function piecesOf(files: readonly string[], mostBytes: number): Buffer[] {
  const whole: Buffer[] = [];
  let lengthBytes = 0;
  for (const file of files) {
    if (lengthBytes >= mostBytes) break;
    whole.push(readFileSync(file).subarray(0, mostBytes - lengthBytes));
    lengthBytes += whole.at(-1)!.length;
  }
  const bytes = Buffer.concat(whole);
  return Array.from({ length: Math.floor(bytes.length / 65_536) }, (_, at) => bytes.subarray(at * 65_536, (at + 1) * 65_536));
}

function pagesOf(path: string, wanted: (page: Buffer, before: Buffer) => boolean, mostBytes: number, beforePath = path): Buffer {
  const [file, other] = [openSync(path, 'r'), openSync(beforePath, 'r')];
  const [piece, before] = [Buffer.alloc(pieceBytes), Buffer.alloc(pieceBytes)];
  const found: Buffer[] = [];
  try {
    for (let at = 0; at < statSync(path).size && found.length * pageBytes < mostBytes; at += pieceBytes) {
      readSync(file, piece, 0, pieceBytes, at);
      readSync(other, before, 0, pieceBytes, at);
      for (let page = 0; page < pieceBytes; page += pageBytes) {
        if (wanted(piece.subarray(page, page + pageBytes), before.subarray(page, page + pageBytes))) found.push(Buffer.from(piece.subarray(page, page + pageBytes)));
      }
    }
  } finally {
    closeSync(file);
    closeSync(other);
  }
  return Buffer.concat(found);
}
