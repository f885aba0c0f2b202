/** What this browser keeps between two visits to the audit page: whose log it saw, and how far. Nothing of it is secret. */
export interface Visit {
  /** The key that heads are checked with, base64url. */
  readonly logKey: string;
  readonly audience: string;
  /** The newest head whose signature and growth were proven, base64url. */
  readonly head: string;
  /** This browser's clock. */
  readonly atMs: number;
}

/** damaged: something was kept and cannot be read, which is not the same as a first visit, and is said. */
export type Kept = { readonly state: 'none' } | { readonly state: 'damaged' } | { readonly state: 'kept'; readonly visit: Visit };

/** The name under which it is kept in the browser's storage of this origin. */
export const visitName = 'godwit-audit-visit';

export function readVisit(text: string | null): Kept {
  if (text === null) return { state: 'none' };
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    return { state: 'damaged' };
  }
  return isVisit(value) ? { state: 'kept', visit: value } : { state: 'damaged' };
}

export function writeVisit({ logKey, audience, head, atMs }: Visit): string {
  return JSON.stringify({ logKey, audience, head, atMs });
}

function isVisit(value: unknown): value is Visit {
  const found = value as Partial<Record<keyof Visit, unknown>> | null;
  return typeof found === 'object' && found !== null && typeof found.logKey === 'string' && typeof found.audience === 'string' && typeof found.head === 'string' && typeof found.atMs === 'number';
}
