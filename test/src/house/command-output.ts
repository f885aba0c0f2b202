import { readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { z } from 'zod';

/** What every command line of every test is held against: the published schema, and that it keeps its inside to itself. */

export const schemaPath = 'docs/cli-schema.json';
const root = resolve(import.meta.dirname, '..', '..', '..');

const { $defs } = JSON.parse(readFileSync(join(root, schemaPath), 'utf8')) as { $defs: Record<string, Parameters<typeof z.fromJSONSchema>[0]> };
const shapes = new Map<string, z.ZodType>();

function shapeOf(name: string): z.ZodType {
  const definition = $defs[name];
  if (definition === undefined) throw new Error(`${schemaPath} does not know ${name}`);
  const shape = shapes.get(name) ?? z.fromJSONSchema(definition);
  shapes.set(name, shape);
  return shape;
}

/** Throws unless `said`, the one document that `godwit COMMAND --json` printed, is as the published schema says. */
export function assertPrintable(command: string, said: object): void {
  const { success, error } = shapeOf('error' in said ? 'error' : command).safeParse(said);
  if (!success) throw new Error(`godwit ${command} --json printed what ${schemaPath} does not have: ${z.prettifyError(error)}`);
}

/** The first line of `text` that is of a stack trace or names a place in our programs; undefined where there is none. */
export function traceIn(text: string): string | undefined {
  return text.split('\n').find((line) => /^\s+at .*[:(]\d+|node:internal|\/snapshot\/|\.(js|ts|mjs):\d+/.test(line));
}
