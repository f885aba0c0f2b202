import { execFileSync } from 'node:child_process';
import { chownSync, chmodSync } from 'node:fs';
import { Fault } from '@godwit/base';

/** The user that QEMU runs as where the agent is root; `infra/bootstrap` and the package create it. */
export const qemuUser = 'godwit-qemu';

/** As whom QEMU runs: as the agent's own user, or (agent is root) as `godwit-qemu`. */
export type Privilege = { readonly kind: 'self' } | { readonly kind: 'own-user'; readonly uid: number; readonly gid: number };

/** Throws QEMU_USER_MISSING where the agent is root and the user does not exist: QEMU is never run as root. */
export function detectPrivilege(): Privilege {
  if (process.getuid?.() !== 0) return { kind: 'self' };
  const id = (flag: string): number => Number(execFileSync('id', [flag, qemuUser], { encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] }));
  try {
    return { kind: 'own-user', uid: id('-u'), gid: id('-g') };
  } catch (error) {
    throw new Fault('QEMU_USER_MISSING', { subject: qemuUser, cause: error });
  }
}

/**
 * The program and arguments that start QEMU with the least rights under which post-copy works.
 *
 * As root: its own user with that user's groups (`kvm`, where it is a member), no capability but CAP_SYS_PTRACE (QEMU 7.2 opens userfaultfd by the system call, which the kernel
 * gives to nobody else; qemu-facts.md), and, because that capability would open every process of the machine, a PID
 * namespace with its own /proc, in which there is only QEMU. It can gain nothing: no-new-privs and an empty bounding set.
 * As a user: that user, with whatever the system allows it.
 * `endsWithParent`: the kernel kills it when the thread that started it has ended, however that came.
 */
export function launch(privilege: Privilege, program: string, argv: readonly string[], { endsWithParent = false }: { readonly endsWithParent?: boolean } = {}): { program: string; argv: string[] } {
  const bound = endsWithParent ? ['--pdeathsig', 'KILL'] : [];
  if (privilege.kind === 'self') return endsWithParent ? { program: 'setpriv', argv: [...bound, program, ...argv] } : { program, argv: [...argv] };
  const { uid, gid } = privilege;
  const only = '-all,+sys_ptrace';
  const unshare = [
    ...['unshare', '--mount', '--pid', '--fork', '--mount-proc'],
    // A change of user takes the death signal away, so each of the two gets its own.
    ...['setpriv', ...bound, `--reuid=${uid}`, `--regid=${gid}`, '--init-groups', '--no-new-privs'],
    ...[`--inh-caps=${only}`, `--ambient-caps=${only}`, `--bounding-set=${only}`],
    ...[program, ...argv],
  ];
  const [first, ...rest] = endsWithParent ? ['setpriv', ...bound, ...unshare] : unshare;
  return { program: first!, argv: rest };
}

/** Gives `path` to QEMU's user, readable and writable by nobody else. */
export function handOver(privilege: Privilege, path: string, mode: number): void {
  chmodSync(path, mode);
  if (privilege.kind === 'own-user') chownSync(path, privilege.uid, privilege.gid);
}
