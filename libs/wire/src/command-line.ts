import { z } from 'zod';
import { controlCommands, controlProgress, desktopStatus, faultJson } from './control.ts';

/** What the `godwit` command itself makes, beside the answers of the agent: its shapes with `--json`, and the schema of all of them. */

const count = z.int().min(0);

/** One command that can be typed as it stands, and what it is good for. */
export const nextStep = z.object({ command: z.string(), why: z.string() });
export type NextStep = z.infer<typeof nextStep>;

/** `godwit` alone. The situation is the root cause: what comes later in the list is not looked at while something earlier holds. */
export const whereabouts = z.object({
  situation: z.enum(['agent-down', 'agent-of-another-user', 'locked', 'not-enrolled', 'shut-out', 'cannot-run', 'coordinator-out-of-reach', 'no-desktop', 'desktops']),
  /** What stands in the way, where something does: the code and message of the fault that `godwit status` ends with. */
  cause: z.object({ code: z.string(), message: z.string() }).nullable(),
  hostName: z.string().nullable(),
  coordinator: z.string().nullable(),
  desktops: z.array(desktopStatus.extend({ next: nextStep })),
  next: nextStep,
});
export type Whereabouts = z.infer<typeof whereabouts>;

export const waitGoals = ['running', 'resumed', 'safe'] as const;
export type WaitGoal = (typeof waitGoals)[number];
export const waited = z.object({ name: z.string(), for: z.enum(waitGoals), state: desktopStatus.shape.state, waitedMs: count });

/** `godwit audit --receipt`. */
export const receiptFinding = z.object({
  good: z.literal(true),
  index: count,
  kind: z.string(),
  accountId: z.string(),
  hostId: z.string().nullable(),
  desktopId: z.string().nullable(),
  epoch: count.nullable(),
  sequence: count.nullable(),
  digest: z.string().nullable(),
  timeMs: count,
  logSize: count,
  /** Whether the log key is the one that this host learnt; false on a machine that learnt none. */
  keyKnown: z.boolean(),
  logKey: z.string(),
});
export type ReceiptFinding = z.infer<typeof receiptFinding>;

/** `godwit words`. */
export const wordMeanings = z.object({ words: z.array(z.object({ word: z.string(), meaning: z.string() })) });
/** `godwit bugreport`: where it is, and what is in it. */
export const writtenReport = z.object({ file: z.string(), lengthBytes: count, parts: z.array(z.object({ name: z.string(), what: z.string() })) });

const { audit, ...asked } = controlCommands;
const answers = Object.fromEntries(Object.entries(asked).map(([name, { result }]) => [name, result]));

/** What each command prints with `--json`, by its name; `godwit` is the one without a word. */
export const commandOutputs: Readonly<Record<string, z.ZodType>> = { godwit: whereabouts, ...answers, audit: z.union([audit.result, receiptFinding]), wait: waited, words: wordMeanings, bugreport: writtenReport };

/** Grows with what takes something away or changes its meaning; fields may be added without. */
export const commandLineSchemaVersion = 1;

/** The published schema: one definition per command, and `error` and `progress`, which any of them may print. JSON Schema 2020-12. */
export function commandLineSchema(): Record<string, unknown> {
  const shapes = { ...commandOutputs, error: z.object({ error: faultJson, trace: z.string().optional() }), progress: z.object({ progress: controlProgress }) };
  const definitions = Object.entries(shapes).map(([name, shape]) => [name, withoutDialect(z.toJSONSchema(shape, { io: 'input' }))]);
  return {
    $schema: 'https://json-schema.org/draft/2020-12/schema',
    title: 'What godwit prints with --json',
    description: 'Each command prints one document on stdout: that of its name in $defs, or `error`. While it works, lines of `progress` go to stderr. Fields may be added within a version; ignore those you do not know.',
    version: commandLineSchemaVersion,
    $defs: Object.fromEntries(definitions),
  };
}

function withoutDialect({ $schema: _, ...schema }: Record<string, unknown>): Record<string, unknown> {
  return schema;
}
