import { problem } from '@godwit/wire/operators';

/** Why the coordinator did not do what a page asked: its fault, or that it could not be asked at all. */
export class Refusal extends Error {
  override readonly name = 'Refusal';
  readonly code: string;
  /** The next step, in the coordinator's words. */
  readonly hint: string;
  readonly status: number;

  constructor(code: string, message: string, hint: string, status: number) {
    super(message);
    this.code = code;
    this.hint = hint;
    this.status = status;
  }
}

/** The refusal in an answer that is not a success; a proxy's page or a damaged body has its status only. */
export function refusalOf(status: number, body: unknown): Refusal {
  const parsed = problem.safeParse(body);
  if (parsed.success) return new Refusal(parsed.data.code, parsed.data.message, parsed.data.hint, status);
  return new Refusal('ANSWER_REFUSED', `the coordinator answered with status ${status} and no reason`, 'try again; if it stays, look at the log of the coordinator and of what stands before it', status);
}

/** Whatever was thrown, as a refusal that can be shown. */
export function asRefusal(error: unknown): Refusal {
  if (error instanceof Refusal) return error;
  return new Refusal('PAGE_FAILED', error instanceof Error ? error.message : String(error), 'load the page again; if it stays, tell who maintains this coordinator', 0);
}

export const unreachable = (): Refusal => new Refusal('COORDINATOR_UNREACHABLE', 'the coordinator cannot be reached', 'check the network; the page tries again by itself', 0);
/** The answer is not what this version of the page understands. */
export const misunderstood = (): Refusal => new Refusal('ANSWER_REFUSED', 'the answer is not what this page understands', 'load the page again: the coordinator may have been upgraded', 200);

export const isSignedOut = (error: unknown): boolean => error instanceof Refusal && error.code === 'SESSION_MISSING';
export const isStale = (error: unknown): boolean => error instanceof Refusal && error.code === 'SESSION_STALE';
