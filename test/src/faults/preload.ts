import { join } from 'node:path';

/** The environment that loads a module of this folder into a real program before anything else, with what it is to do. */
export function preloaded(module: 'preload-clock' | 'preload-host', wish: object): NodeJS.ProcessEnv {
  return { NODE_OPTIONS: `${process.env['NODE_OPTIONS'] ?? ''} --import=${join(import.meta.dirname, `${module}.js`)}`, GODWIT_FAULT: JSON.stringify(wish) };
}
