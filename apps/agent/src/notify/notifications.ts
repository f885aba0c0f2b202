import { execFile } from 'node:child_process';
import type { Log } from '@godwit/base';
import { noticeOf, type Happening, type Notice } from './notice.ts';
import { sessionBusOf, thisSession, type Session, type SessionBus } from './session-bus.ts';

const program = 'gdbus';
/** A service that takes longer shows nothing to anybody. */
const callMs = 5_000;
const outputBytesMax = 64 * 1024;
/** Notices that wait for the one before them about the same thing; more is a storm, and its newest is worth as much. */
const waitingMax = 8;
/** What is replaced has to be remembered: that of so many things. */
const subjectsMax = 64;
const urgencies = { low: 0, normal: 1, critical: 2 } as const;

export interface NotificationParts {
  readonly log: Log;
  readonly session?: Session;
}

/**
 * Shows happenings on the desktop of this host's person (freedesktop notifications), by a program of the system. Where there is no program, no
 * session or no service nothing is shown, and `refusal` says why; nothing ever waits for it.
 */
export class Notifications {
  readonly #log: Log;
  readonly #session: Session;
  /** The number that the service gave the newest notice about a subject. */
  readonly #shown = new Map<string, number>();
  #turn: Promise<unknown> = Promise.resolve();
  #waiting = 0;
  #refused: string | undefined;

  constructor({ log, session = thisSession }: NotificationParts) {
    this.#log = log;
    this.#session = session;
  }

  tell(happening: Happening): void {
    if (this.#waiting >= waitingMax) return;
    this.#waiting += 1;
    const notice = noticeOf(happening);
    // One after the other: a notice replaces the one before it, whose number is in the answer.
    this.#turn = this.#turn.then(() => this.#show(notice)).catch((error: unknown) => this.#refuse(error)).finally(() => (this.#waiting -= 1));
  }

  /** Why nothing is shown; undefined: a service answered just now. */
  async refusal(): Promise<string | undefined> {
    try {
      await this.#call('GetServerInformation', []);
      return undefined;
    } catch (error) {
      return reasonOf(error);
    }
  }

  async #show(notice: Notice): Promise<void> {
    const { subject } = notice;
    const answer = await this.#call('Notify', notifyWords(notice, this.#shown.get(subject) ?? 0));
    const number = /^\(uint32 (\d+),\)/.exec(answer)?.[1];
    this.#shown.delete(subject);
    if (number !== undefined) this.#shown.set(subject, Number(number));
    const [oldest] = this.#shown.keys();
    if (this.#shown.size > subjectsMax && oldest !== undefined) this.#shown.delete(oldest);
    this.#refused = undefined;
  }

  #refuse(error: unknown): void {
    const reason = reasonOf(error);
    // Once, however often it is tried again.
    if (this.#refused !== reason) this.#log.info('notification-not-shown', { reason });
    this.#refused = reason;
  }

  #call(method: string, words: readonly string[]): Promise<string> {
    const bus = sessionBusOf(this.#session);
    if ('refusal' in bus) return Promise.reject(new Error(bus.refusal));
    const [first, ...rest] = [...becoming(bus), program, 'call', '--session', '--timeout', String(callMs / 1000), '--dest', 'org.freedesktop.Notifications', '--object-path', '/org/freedesktop/Notifications', '--method', `org.freedesktop.Notifications.${method}`, ...words] as [string, ...string[]];
    const { PATH } = this.#session.environment;
    return new Promise((resolve, reject) => {
      execFile(first, rest, { env: { PATH, DBUS_SESSION_BUS_ADDRESS: bus.address }, timeout: 2 * callMs, maxBuffer: outputBytesMax }, (error, stdout, stderr) => {
        if (error === null) resolve(stdout);
        else reject(new Error('code' in error && error.code === 'ENOENT' ? `${first} is not installed` : (stderr.trim().split('\n')[0] ?? error.message)));
      });
    });
  }
}

function becoming({ as }: SessionBus): string[] {
  return as === undefined ? [] : ['setpriv', `--reuid=${as.uid}`, `--regid=${as.gid}`, '--clear-groups', '--'];
}

/** The arguments of Notify, each as text of a GVariant with its type: nothing in a name is read as anything else. */
export function notifyWords({ title, text, urgency }: Notice, replaces: number): string[] {
  return [quoted('Godwit'), `uint32 ${replaces}`, quoted(''), quoted(title), quoted(withoutMarkup(text)), '@as []', `{'urgency': <byte ${urgencies[urgency]}>}`, 'int32 -1'];
}

function quoted(text: string): string {
  return `'${text.replace(/[\\']/g, (character) => `\\${character}`)}'`;
}

/** The body is markup to a service that knows it. */
function withoutMarkup(text: string): string {
  return text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;');
}

function reasonOf(error: unknown): string {
  return error instanceof Error && error.message !== '' ? error.message.slice(0, 200) : 'unknown';
}
