import { readdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { Fault, type Clock, type Log, type Random } from '@godwit/base';
import type { DesktopStatus, ViewState } from '@godwit/wire';
import type { WebSocket } from 'ws';
import type { Activity, Happening } from '../desktop/activity.ts';
import type { Desktops } from '../desktop/desktops.ts';
import { Admission, type View } from './admission.ts';
import { pageFiles } from './page-files.ts';
import { PageServer, type Stream } from './page-server.ts';
import { bridge } from './screen-bridge.ts';
import { nothingDone, safeOf, viewStateOf, type LastDone } from './view-state.ts';

/** How often what a page says is looked at while somebody has one open. */
const lookMs = 500;
/** How often the coordinator is asked about a desktop that is not here. */
const askMs = 3_000;
/** Files that lead a browser to a link; none outlives the agent that wrote it. */
const doorFile = /^view-[A-Za-z0-9_-]{32}\.html$/;

export interface ViewsParts {
  /** The agent's own folder. */
  readonly directory: string;
  readonly activity: Activity;
  readonly desktops: () => Promise<Pick<Desktops, 'screenOf' | 'statusHere' | 'status'>>;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Log;
}

interface Watched {
  readonly pages: Set<WebSocket>;
  readonly timer: NodeJS.Timeout;
  toldText: string;
  /** Where it is when it is not here. */
  elsewhere: DesktopStatus | undefined;
  askedMs: number;
}

/** The agent's local pages: a server that is there while somebody has the right to look, and what its pages are told. */
export class Views {
  readonly #parts: ViewsParts;
  readonly #admission: Admission;
  readonly #last = new Map<string, LastDone>();
  readonly #watched = new Map<string, Watched>();
  #server: Promise<PageServer> | undefined;
  #sweeper: NodeJS.Timeout | undefined;

  constructor(parts: ViewsParts) {
    this.#parts = parts;
    this.#admission = new Admission(parts.clock, parts.random);
    for (const name of readdirSync(parts.directory)) if (doorFile.test(name)) rmSync(join(parts.directory, name), { force: true });
    parts.activity.subscribe((happening) => this.#heard(happening));
  }

  /**
   * A link to the screen of `name`, good once and for two minutes, and a file of this user's alone that leads there: so that the link does not stand
   * in the words of a browser's process, which everybody on this machine can read. Throws VIEWS_FULL.
   */
  async open(name: string): Promise<{ url: string; file: string }> {
    this.#server ??= this.#listen();
    const server = await this.#server;
    const { view, token } = this.#admission.open(name);
    const url = server.urlOf(view, token);
    const file = this.#doorOf(view);
    writeFileSync(file, doorPage(url), { mode: 0o600, flag: 'wx' });
    view.ended.addEventListener('abort', () => rmSync(file, { force: true }), { once: true });
    return { url, file };
  }

  #doorOf({ place }: View): string {
    return join(this.#parts.directory, `view-${place}.html`);
  }

  async #listen(): Promise<PageServer> {
    const server = await PageServer.listen({
      admission: this.#admission,
      files: pageFiles(),
      log: this.#parts.log,
      onEntered: (view) => rmSync(this.#doorOf(view), { force: true }),
      onStream: (stream, view, socket) => this.#serve(stream, view, socket),
    });
    this.#sweeper = setInterval(() => this.#sweep(server), askMs).unref();
    return server;
  }

  /** Without anybody who may look there is no server. */
  #sweep(server: PageServer): void {
    this.#admission.sweep();
    if (this.#admission.size > 0) return;
    clearInterval(this.#sweeper);
    this.#server = undefined;
    server.close();
  }

  #serve(stream: Stream, { name }: View, socket: WebSocket): void {
    if (stream === 'state') return this.#watch(name, socket);
    this.#parts
      .desktops()
      .then((desktops) => {
        const path = desktops.screenOf(name);
        if (path === undefined) socket.close(1013, 'there is no screen here now');
        else bridge(socket, path, this.#parts.log);
      })
      .catch((error: unknown) => socket.close(1011, Fault.from(error).code));
  }

  #watch(name: string, page: WebSocket): void {
    page.on('message', () => page.close(1008, 'a page only listens here'));
    const watched = this.#watched.get(name) ?? this.#begin(name);
    watched.pages.add(page);
    watched.toldText = '';
    page.once('close', () => {
      watched.pages.delete(page);
      if (watched.pages.size > 0) return;
      clearInterval(watched.timer);
      this.#watched.delete(name);
    });
    this.#tell(name);
  }

  #begin(name: string): Watched {
    const timer = setInterval(() => this.#tell(name), lookMs).unref();
    const watched: Watched = { pages: new Set(), timer, toldText: '', elsewhere: undefined, askedMs: -askMs };
    this.#watched.set(name, watched);
    return watched;
  }

  #heard(happening: Happening): void {
    const { name, operation } = happening;
    const before = this.#last.get(name) ?? nothingDone;
    if (happening.type === 'progress') this.#last.set(name, { operation, progress: happening.progress, safe: undefined, failure: undefined });
    else if (happening.type === 'failed') this.#last.set(name, { ...before, operation, progress: undefined, failure: happening.fault.message });
    else this.#last.set(name, { operation, progress: undefined, safe: safeOf(operation, happening.result) ?? (operation === 'checkpoint' ? before.safe : undefined), failure: undefined });
    const watched = this.#watched.get(name);
    if (watched === undefined) return;
    if (happening.type !== 'progress') watched.askedMs = -askMs; // Where it is has changed.
    this.#tell(name);
  }

  #tell(name: string): void {
    this.#state(name)
      .then((state) => {
        const watched = this.#watched.get(name);
        const text = JSON.stringify(state);
        if (watched === undefined || text === watched.toldText) return;
        watched.toldText = text;
        for (const page of watched.pages) page.send(text);
      })
      .catch((error: unknown) => this.#parts.log.info('view-state-unknown', { name, error }));
  }

  async #state(name: string): Promise<ViewState> {
    const desktops = await this.#parts.desktops();
    const here = desktops.statusHere(name);
    const screen = desktops.screenOf(name) !== undefined;
    return viewStateOf(name, here ?? (await this.#ask(desktops, name)), this.#last.get(name) ?? nothingDone, screen);
  }

  async #ask(desktops: Pick<Desktops, 'status'>, name: string): Promise<DesktopStatus | undefined> {
    const watched = this.#watched.get(name);
    const nowMs = this.#parts.clock.workMs();
    if (watched === undefined || nowMs - watched.askedMs < askMs) return watched?.elsewhere;
    watched.askedMs = nowMs;
    const { code, found } = await desktops.status(name).then(({ desktops: [status] }) => ({ code: undefined, found: status }), (error: unknown) => ({ code: Fault.from(error).code, found: undefined }));
    if (code !== undefined) this.#parts.log.debug('view-desktop-not-found', { name, code });
    watched.elsewhere = found;
    return found;
  }
}

function doorPage(url: string): string {
  return `<!doctype html>\n<meta charset="utf-8">\n<title>godwit view</title>\n<meta http-equiv="refresh" content="0;url=${url}">\n<a href="${url}">open the screen</a>\n`;
}
