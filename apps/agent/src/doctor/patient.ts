import type { DoctorFinding, Quotas } from '@godwit/wire';
import type { Account } from '../account/account.ts';
import type { Home } from '../home.ts';
import type { HostCapabilities } from '../machine/fitness.ts';
import type { Privilege } from '../machine/privilege.ts';
import type { CoordinatorLink, StoreLink } from './links.ts';

/** What the doctor looks at, and how it looks. */
export interface Patient {
  readonly home: Home;
  readonly account: Pick<Account, 'settings' | 'fingerprint' | 'keyStore' | 'refreshChain'> | undefined;
  readonly locked: boolean;
  readonly privilege: Privilege;
  readonly capabilities: () => Promise<HostCapabilities>;
  /** Why core dumps could be left of the agent. */
  readonly dumpsForbidden: () => boolean;
  /** Why this host does not hear from logind that the machine is about to sleep. */
  readonly sleepRefusal: () => string | undefined;
  /** Why this host's person sees no notifications. */
  readonly noticeRefusal: () => Promise<string | undefined>;
  readonly freeBytes: (directory: string) => Promise<number>;
  readonly writeBytesPerSecond: (directory: string) => Promise<number>;
  readonly cache: () => Promise<{ readonly bytes: number; readonly limitBytes: number; readonly budgetBytes: number }>;
  readonly coordinatorLink: () => Promise<CoordinatorLink>;
  /** Undefined: nothing is in the store yet that could be read. */
  readonly storeLink: () => Promise<StoreLink | undefined>;
  /** Undefined: the coordinator knows none. */
  readonly quotas: () => Promise<Quotas | undefined>;
  /** Whether to mend what needs no judgement. */
  readonly fix: boolean;
}

/** One look at one thing. What it throws is a defect of the check. */
export type Check = (patient: Patient) => Promise<DoctorFinding>;

export function good(code: string, check: string, found: string): DoctorFinding {
  return { code, check, state: 'good', found, hint: null, fix: null, fixed: false };
}

/** It works, with less than it could; or, with `bad`, it cannot work, and nothing after it is looked at. */
export function ill(code: string, check: string, found: string, hint: string, state: 'degraded' | 'bad' = 'degraded'): DoctorFinding {
  return { code, check, state, found, hint, fix: null, fixed: false };
}
