import { existsSync, readFileSync } from 'node:fs';

/** How a program of this agent reaches the desktop of its person. */
export interface SessionBus {
  readonly address: string;
  /** The user and group to become first; undefined: this agent's own. */
  readonly as: { readonly uid: number; readonly gid: number } | undefined;
}

export interface Session {
  readonly environment: Readonly<Record<string, string | undefined>>;
  readonly uid: number;
  /** The lines of passwd(5). */
  readonly users: () => string;
  readonly exists: (path: string) => boolean;
  /** Where systemd puts the bus of a user. */
  readonly busPath: (uid: number) => string;
}

export const thisSession: Session = { environment: process.env, uid: process.getuid?.() ?? 0, users: () => readFileSync('/etc/passwd', 'utf8'), exists: existsSync, busPath: (uid) => `/run/user/${uid}/bus` };

/**
 * The bus on which the person's notifications are shown, or why there is none. An agent that runs as its person has theirs; one that is a system
 * service tells the one user that GODWIT_NOTIFY_USER names, and nobody else: what desktops somebody has is not for every user of a machine.
 */
export function sessionBusOf({ environment, uid, users, exists, busPath }: Session): SessionBus | { readonly refusal: string } {
  const own = environment['DBUS_SESSION_BUS_ADDRESS'];
  if (own !== undefined && own !== '') return { address: own, as: undefined };
  const wanted = environment['GODWIT_NOTIFY_USER'];
  if (uid === 0 && (wanted === undefined || wanted === '')) return { refusal: 'the agent runs as root: GODWIT_NOTIFY_USER=NAME in its environment says whom to tell' };
  const user = uid === 0 ? userNamed(users(), wanted!) : { uid, gid: uid };
  if (user === undefined) return { refusal: `GODWIT_NOTIFY_USER: no user ${wanted} in /etc/passwd` };
  const path = busPath(user.uid);
  if (!exists(path)) return { refusal: `no session of user ${user.uid} (${path})` };
  return { address: `unix:path=${path}`, as: uid === 0 ? user : undefined };
}

function userNamed(lines: string, name: string): { uid: number; gid: number } | undefined {
  const fields = lines.split('\n').map((line) => line.split(':')).find(([first]) => first === name);
  const [uid, gid] = [Number(fields?.[2]), Number(fields?.[3])];
  return Number.isInteger(uid) && Number.isInteger(gid) && fields !== undefined ? { uid, gid } : undefined;
}
