import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { dirname } from 'node:path';
import { Fault } from '@godwit/base';

/** The system user PostgreSQL runs as when the coordinator is root: it refuses to run as root itself. */
const serverUser = 'postgres';

/** Who runs PostgreSQL, and how a program is started as them. */
export interface ServerAccount {
  /** Null when PostgreSQL runs as the coordinator's own user. */
  readonly owner: { readonly uid: number; readonly gid: number } | null;
  /**
   * The command line that runs `command` as that user and has the kernel send it SIGINT (to PostgreSQL: a fast shutdown)
   * when the coordinator dies, however it dies.
   */
  command(command: readonly string[]): readonly [string, ...string[]];
}

/** Throws POSTGRES_MISSING when root has no `postgres` user to run it as. */
export function serverAccount(): ServerAccount {
  const tie = ['--pdeathsig', 'INT'];
  if (process.getuid?.() !== 0) return { owner: null, command: (command) => ['setpriv', ...tie, ...command] };
  const owner = lookUp(serverUser);
  const drop = ['--reuid', String(owner.uid), '--regid', String(owner.gid), '--init-groups', '--inh-caps=-all'];
  return { owner, command: (command) => ['setpriv', ...drop, ...tie, ...command] };
}

function lookUp(user: string): { uid: number; gid: number } {
  const line = readFileSync('/etc/passwd', 'utf8')
    .split('\n')
    .find((entry) => entry.startsWith(`${user}:`));
  const [, , uid, gid] = line?.split(':') ?? [];
  if (uid === undefined || gid === undefined) {
    throw new Fault('POSTGRES_MISSING', { expected: `a system user ${user}`, hint: 'install the package postgresql, or run the coordinator as an ordinary user' });
  }
  return { uid: Number(uid), gid: Number(gid) };
}

/** Throws DATA_DIRECTORY_REFUSED, naming the folder in the way, unless the server's user can reach `directory`. */
export function requireReachable(account: ServerAccount, directory: string): void {
  if (account.owner === null || canEnter(account, directory)) return;
  const closed = ancestors(directory).find((folder) => !canEnter(account, folder)) ?? directory;
  throw new Fault('DATA_DIRECTORY_REFUSED', {
    subject: directory,
    expected: `a directory that the user ${serverUser}, as whom PostgreSQL runs under root, can reach`,
    found: `no access for it to ${closed}`,
    hint: `run \`chmod o+x ${closed}\`, or give another --data such as /var/lib/godwit-coordinator, or run the coordinator as an ordinary user`,
  });
}

function canEnter(account: ServerAccount, folder: string): boolean {
  const [program, ...rest] = account.command(['test', '-x', folder]);
  return spawnSync(program, rest, { cwd: '/', stdio: 'ignore' }).status === 0;
}

/** From the root down to `directory` itself. */
function ancestors(directory: string): string[] {
  const parent = dirname(directory);
  return parent === directory ? [directory] : [...ancestors(parent), directory];
}
