import { z } from 'zod';
import { count, desktopName } from './values.ts';

/** `godwit move`: a desktop goes on on `to` (null: this host), wherever it is now; suspended by its holder first. */
export const moveWish = z.object({ name: desktopName, to: z.string().min(1).max(64).nullable(), eager: z.boolean(), confirmed: z.boolean() });

/** What came of it, on whichever host it runs now. */
export const moved = z.object({
  name: desktopName,
  /** Who held it; null: nobody did. */
  from: z.string().nullable(),
  to: z.string(),
  /** False: nothing was changed, this is what would happen. */
  done: z.boolean(),
  sequence: count.nullable(),
  epoch: count,
  /** How long the guest stood still where it was suspended. */
  pauseMs: z.number().nullable(),
  /** The command to the running guest; null where nobody said. */
  runningMs: z.number().nullable(),
});
