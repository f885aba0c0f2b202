import { z } from 'zod';

/** The body of every answer that is not a success: RFC 9457 problem details that carry a fault. Also read in browsers. */
export const problem = z.object({
  /** `https://godwit.invalid/faults/<code>`: an identifier, nothing is served there. */
  type: z.string().max(256),
  title: z.string().max(1024),
  status: z.int().min(400).max(599),
  code: z.string().max(64).regex(/^[A-Z][A-Z0-9_]*$/),
  kind: z.enum(['invalid', 'denied', 'conflict', 'fenced', 'unavailable', 'corrupt', 'internal']),
  message: z.string().max(4096),
  subject: z.string().max(1024).optional(),
  expected: z.string().max(2048).optional(),
  found: z.string().max(2048).optional(),
  hint: z.string().max(2048),
});
export type Problem = z.infer<typeof problem>;
