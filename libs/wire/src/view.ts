import { z } from 'zod';

/** What the agent tells the page that shows a desktop's screen (`godwit view`), as JSON text, whenever it changes. */
export const viewState = z.object({
  name: z.string(),
  headline: z.string(),
  /** More of the same, or where the next step is; empty where nothing needs to be said. */
  detail: z.string(),
  /** `safe`: it is proven to be in the store; the lid may be closed. */
  tone: z.enum(['runs', 'moves', 'safe', 'elsewhere', 'trouble']),
  /** There is a screen here now. */
  screen: z.boolean(),
  /** Of what is under way; `totalBytes` null: nobody knows. */
  progress: z.object({ doneBytes: z.int().min(0), totalBytes: z.int().min(0).nullable() }).nullable(),
});
export type ViewState = z.infer<typeof viewState>;
