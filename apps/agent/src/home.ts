import { chmodSync, existsSync, mkdirSync } from 'node:fs';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { Fault, type DesktopId } from '@godwit/base';

/** Unix socket paths hold at most 107 bytes (sun_path of unix(7), less the closing zero). */
const socketPathBytesMax = 107;
/** The longest path below an agent's home that a socket of ours takes: `/desktops/<32 digits>/run/migrate-in`. */
const socketTailBytesMax = 64;

/**
 * Where one agent keeps everything it knows: `GODWIT_HOME`, so that two agents on one machine are two hosts.
 * Layout: agent.json, device.key, account.key, home.key, device-chain, seen-heads, seen-policies (0600), control.sock (0600), agent.log, cache/ (0700), desktops/<id>/.
 */
export interface Home {
  readonly directory: string;
  readonly controlSocket: string;
  readonly settingsFile: string;
  readonly deviceKeyFile: string;
  readonly accountKeysFile: string;
  /** What the two key files are sealed with; none where they are not. */
  readonly homeKeyFile: string;
  /** The newest checkpoint that this host saw of each desktop. */
  readonly headsFile: string;
  /** The newest offline policy that this host saw of each desktop. */
  readonly policiesFile: string;
  readonly chainFile: string;
  /** Which copies of desktops that were taken over were kept, under which names. */
  readonly leftFile: string;
  /** The warm cache: ciphertext from the store, nothing that is needed. */
  readonly cacheDirectory: string;
  readonly logFile: string;
  readonly desktopsDirectory: string;
  desktop(id: DesktopId): DesktopHome;
}

export interface DesktopHome {
  readonly directory: string;
  /** What the agent knows of the desktop; read at its start. */
  readonly recordFile: string;
  readonly digestsFile: string;
  /** What its guest asked for first when it came here; a later checkpoint takes it along. */
  readonly workingSetFile: string;
  /** Objects of the checkpoint that is on this machine only, while there is one. */
  readonly savedDirectory: string;
  /** QEMU's own folder: it belongs to the user that QEMU runs as. Disks and sockets live here, nothing secret of ours. */
  readonly machineDirectory: string;
  readonly qemuLog: string;
  /** What agent and guard of a strict desktop tell each other. */
  readonly guardDirectory: string;
}

export function defaultHomeDirectory(environment: NodeJS.ProcessEnv): string {
  if (environment['GODWIT_HOME'] !== undefined && environment['GODWIT_HOME'] !== '') return environment['GODWIT_HOME'];
  if (process.getuid?.() === 0) return '/var/lib/godwit';
  return join(environment['XDG_DATA_HOME'] ?? join(homedir(), '.local', 'share'), 'godwit');
}

/** Throws HOME_PATH_TOO_LONG where the sockets below would not fit. Creates nothing. */
export function homeAt(directory: string): Home {
  if (Buffer.byteLength(directory) + socketTailBytesMax > socketPathBytesMax) {
    throw new Fault('HOME_PATH_TOO_LONG', { subject: directory, expected: `at most ${socketPathBytesMax - socketTailBytesMax} bytes`, found: `${Buffer.byteLength(directory)}` });
  }
  const desktopsDirectory = join(directory, 'desktops');
  return {
    directory,
    controlSocket: join(directory, 'control.sock'),
    settingsFile: join(directory, 'agent.json'),
    deviceKeyFile: join(directory, 'device.key'),
    accountKeysFile: join(directory, 'account.key'),
    homeKeyFile: join(directory, 'home.key'),
    headsFile: join(directory, 'seen-heads'),
    policiesFile: join(directory, 'seen-policies'),
    chainFile: join(directory, 'device-chain'),
    leftFile: join(directory, 'left-behind'),
    cacheDirectory: join(directory, 'cache'),
    logFile: join(directory, 'agent.log'),
    desktopsDirectory,
    desktop: (id) => {
      const own = join(desktopsDirectory, id);
      const machineDirectory = join(own, 'run');
      return {
        directory: own,
        recordFile: join(own, 'desktop.json'),
        digestsFile: join(own, 'page-digests'),
        workingSetFile: join(own, 'working-set'),
        savedDirectory: join(own, 'saved'),
        machineDirectory,
        qemuLog: join(own, 'qemu.log'),
        guardDirectory: join(own, 'guard'),
      };
    },
  };
}

/**
 * Creates the folders. Mode 0711 where QEMU runs as another user, who must pass through but may not list;
 * else 0700. Every secret inside has its own mode 0600.
 */
export function createHome(home: Home, othersPassThrough: boolean): void {
  const mode = othersPassThrough ? 0o711 : 0o700;
  for (const directory of [home.directory, home.desktopsDirectory]) {
    if (!existsSync(directory)) mkdirSync(directory, { recursive: true, mode });
    chmodSync(directory, mode);
  }
}
