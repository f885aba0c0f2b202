import { mkdtempSync, readdirSync, rmSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { endWithBench, runProgram } from './running.ts';

/** restic and borg with a local repository, as somebody would use them on a file with the guest's memory. */

export interface Backup {
  readonly ms: number;
  /** By which the repository grew. */
  readonly addedBytes: number;
}

export interface BackupPeer {
  readonly name: 'restic' | 'borg';
  backUp(file: string): Promise<Backup>;
  end(): void;
}

export function resticPeer(): Promise<BackupPeer> {
  // Its cache would otherwise be the person's own.
  return peer('restic', (repository) => ({ RESTIC_REPOSITORY: repository, RESTIC_PASSWORD: 'bench', RESTIC_CACHE_DIR: `${repository}-cache` }), ['restic', 'init', '--quiet'], (file) => ['restic', 'backup', '--quiet', file]);
}

export function borgPeer(): Promise<BackupPeer> {
  let number = 0;
  return peer('borg', (repository) => ({ BORG_REPO: repository, BORG_PASSPHRASE: 'bench', BORG_BASE_DIR: `${repository}-base` }), ['borg', 'init', '--encryption', 'repokey-blake2'], (file) => ['borg', 'create', '--compression', 'zstd,1', `::image-${(number += 1)}`, file]);
}

async function peer(name: BackupPeer['name'], environment: (repository: string) => Record<string, string>, init: string[], create: (file: string) => string[]): Promise<BackupPeer> {
  const directory = mkdtempSync('/tmp/godwit-p-');
  const remove = (): void => rmSync(directory, { recursive: true, force: true });
  const forget = endWithBench(remove);
  const repository = join(directory, 'repository');
  const run = ([program, ...words]: string[]): Promise<string> => runProgram(program!, words, { PATH: process.env['PATH'], HOME: directory, ...environment(repository) });
  await run(init);
  return {
    name,
    backUp: async (file) => {
      const [before, startedMs] = [bytesIn(repository), performance.now()];
      await run(create(file));
      return { ms: performance.now() - startedMs, addedBytes: bytesIn(repository) - before };
    },
    end: () => {
      forget();
      remove();
    },
  };
}

function bytesIn(directory: string): number {
  const files = readdirSync(directory, { recursive: true, withFileTypes: true }).filter((entry) => entry.isFile());
  return files.reduce((sum, entry) => sum + statSync(join(entry.parentPath, entry.name)).size, 0);
}
