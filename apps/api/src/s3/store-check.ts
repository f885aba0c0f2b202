import { Fault, type Clock, type Log, type Random } from '@godwit/base';
import type { Bucket } from './bucket.ts';
import { checks, Probe, type Check, type Finding } from './checks.ts';

export interface Checked extends Finding {
  readonly name: string;
  readonly title: string;
  readonly needed: boolean;
}

/** Looks at everything that Godwit wants of a bucket, in names of its own, which are removed. Never throws what a look throws: that is its finding. */
export async function checkStore(bucket: Bucket, clock: Clock, random: Random, wanted: readonly Check[] = checks): Promise<Checked[]> {
  const probe = new Probe(bucket, clock, random);
  const checked: Checked[] = [];
  for (const { name, title, needed, look } of wanted) checked.push({ name, title, needed, ...(await look(probe).catch(findingOf)) });
  // What could not be removed has been told by the check on deletions.
  await probe.clear().catch(() => undefined);
  return checked;
}

/** Throws when something that is needed is not so: STORE_UNFIT, or STORE_UNAVAILABLE where the store did not answer at all. */
export async function requireFit(bucket: Bucket, clock: Clock, random: Random): Promise<{ checks: number }> {
  // Whether it answers at all; what it answers is for the checks to say.
  await bucket.objects.size('check').catch((error: unknown) => {
    if (error instanceof Fault && error.code === 'STORE_UNAVAILABLE') throw error;
  });
  const checked = await checkStore(bucket, clock, random, checks.filter(({ needed }) => needed));
  const unfit = checked.filter((each) => !each.good);
  if (unfit.length === 0) return { checks: checked.length };
  const { hint } = unfit[0] ?? {};
  throw new Fault('STORE_UNFIT', { subject: bucket.settings.bucket, expected: unfit.map(({ title }) => title).join('; '), found: unfit.map(({ name, found }) => `${name}: ${found}`).join('; '), ...(hint === undefined ? {} : { hint: `${hint} (all of it: \`godwit-coordinator store check\`)` }) });
}

function findingOf(error: unknown): Finding {
  const fault = Fault.from(error);
  return { good: false, found: fault.found ?? fault.message, hint: fault.hint };
}

const hourMs = 3_600_000;

/** The same, not more often than hourly: for a job whose rounds come more often. What a round did not look at it did not find unfit. */
export class HourlyCheck {
  readonly #check: () => Promise<{ checks: number }>;
  readonly #clock: Clock;
  #nextMs = -Infinity;

  constructor(bucket: Bucket, clock: Clock, random: Random) {
    this.#clock = clock;
    this.#check = () => requireFit(bucket, clock, random);
  }

  /** At the start. An unfit bucket is refused; one that is out of reach may come back, and jobs tell of it until then. */
  async begin(log: Log): Promise<void> {
    try {
      await this.round();
    } catch (error) {
      if (!(error instanceof Fault) || error.code !== 'STORE_UNAVAILABLE') throw error;
      log.warn('store.unavailable', { error });
    }
  }

  /** A round that fails comes again in the next. */
  async round(): Promise<{ checks: number }> {
    if (this.#clock.workMs() < this.#nextMs) return { checks: 0 };
    const done = await this.#check();
    this.#nextMs = this.#clock.workMs() + hourMs;
    return done;
  }
}
