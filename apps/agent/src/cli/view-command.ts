import { spawn } from 'node:child_process';
import { accessSync, constants } from 'node:fs';
import { delimiter, join } from 'node:path';
import type { ControlResult } from '@godwit/wire';
import type { Shell } from './shell.ts';

/** `godwit view`: the desktop's screen in a viewer of this system, or in a page of the agent. */

interface View {
  readonly json?: boolean;
  readonly browser?: boolean;
  readonly print?: boolean;
}

/** Viewers that take the path of a Unix socket as their only word. Others want a port, which everybody on this machine could reach. */
const viewers = ['xtigervncviewer'] as const;
const browserOpener = 'xdg-open';
/** An opener that says nothing for that long has done its work. */
const openerMs = 5_000;

/** How the screen is shown. Pure. `found`: which programs there are. */
export function wayToShow(options: View, environment: NodeJS.ProcessEnv, found: (program: string) => boolean): { readonly kind: 'print' } | { readonly kind: 'viewer' | 'browser'; readonly program: string } {
  const display = [environment['WAYLAND_DISPLAY'], environment['DISPLAY']].some((name) => name !== undefined && name !== '');
  if (!display || options.print === true || options.json === true) return { kind: 'print' };
  const viewer = options.browser === true ? undefined : viewers.find(found);
  if (viewer !== undefined) return { kind: 'viewer', program: viewer };
  return found(browserOpener) ? { kind: 'browser', program: browserOpener } : { kind: 'print' };
}

export function viewAnswer({ name, url }: ControlResult<'view'>): string {
  return url === null ? `${name} is shown in a window of its own.` : `The screen of ${name}, in a browser on this machine, for whoever opens this within two minutes (it is good once):\n${url}`;
}

export function viewCommand({ add, ask }: Shell): void {
  add('view <name>', "show a desktop's screen: in a viewer of this system, or in a browser")
    .option('--browser', 'in a browser, even if there is a viewer')
    .option('--print', 'only print the link')
    .action(async (name: string, options: View) => {
      const way = wayToShow(options, process.env, (program) => isThere(program, process.env));
      if (way.kind === 'print') {
        await ask('view', { name, page: true }, options);
        return;
      }
      const shown = await ask('view', { name, page: way.kind === 'browser' }, options, false);
      if (shown === undefined) return;
      const started = await starts(way.program, shown.file ?? shown.screenSocket);
      if (!started) await ask('view', { name, page: true }, options);
      else process.stdout.write(`${way.kind === 'viewer' ? viewAnswer(shown) : `${name} opens in your browser. If it does not: godwit view ${name} --print`}\n`);
    });
}

function isThere(program: string, environment: NodeJS.ProcessEnv): boolean {
  return (environment['PATH'] ?? '').split(delimiter).some((folder) => {
    try {
      accessSync(join(folder, program), constants.X_OK);
      return folder !== '';
    } catch {
      return false; // Not in this folder.
    }
  });
}

/** Starts it without a shell, to live on by itself. False: it said at once that it could not. */
function starts(program: string, word: string): Promise<boolean> {
  const child = spawn(program, [word], { detached: true, stdio: 'ignore' });
  child.unref();
  return new Promise((resolve) => {
    const timer = setTimeout(() => resolve(true), openerMs);
    const end = (good: boolean): void => {
      clearTimeout(timer);
      resolve(good);
    };
    child.once('error', () => end(false));
    child.once('exit', (code) => end(code === 0));
  });
}
