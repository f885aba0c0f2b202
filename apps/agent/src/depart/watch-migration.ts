import type { Clock, Log } from '@godwit/base';
import { queryMigrate, setMigrationParameters, type QmpSession } from '@godwit/qemu';
import { z } from 'zod';
import { Pace, pauseAimMs } from './pace.ts';

/** Longer than a look takes, and short against a round. */
const lookMs = 250;
/** The longest pause that QEMU lets itself be told: with it the rest always fits. */
const anyPauseMs = 2_000_000;
const unlimited = 0;

/** Memory read so far (zero pages too, every round counted), and left to read in this round. */
export interface MemoryLook {
  readonly scannedBytes: number;
  readonly leftBytes: number;
}

export interface MigrationWatchOptions {
  readonly clock: Clock;
  readonly log: Log;
  /** Looks at how far it is, and nothing else: one pass needs no pace (docs/decisions/0010-one-pass-under-emulation.md). */
  readonly paced: boolean;
  readonly onLook: (look: MemoryLook) => void;
  /** The guest stands still: the last time counts. */
  readonly onStop: () => void;
}

const ramSchema = z.object({
  remaining: z.number(),
  transferred: z.number(),
  duplicate: z.number(),
  normal: z.number(),
  'page-size': z.number().optional(),
  'dirty-sync-count': z.number(),
});

/**
 * Looks at a migration while it runs, four times a second, and paces it: the rounds go on as long as they help and the rest does not fit the pause at the rate
 * that the receiver takes (pace.ts). A look that fails is one less: whether the migration goes well is told by others.
 */
export class MigrationWatch {
  readonly #options: MigrationWatchOptions;
  readonly #pace = new Pace();
  #forgetStop = (): void => undefined;
  #timer: NodeJS.Timeout | undefined;
  #looking = false;

  constructor(options: MigrationWatchOptions) {
    this.#options = options;
  }

  /** The pause that QEMU is told to aim at in the beginning; undefined: whoever captures knows. */
  get downtimeLimitMs(): number | undefined {
    return this.#options.paced ? pauseAimMs : undefined;
  }

  begin(qmp: QmpSession): void {
    this.#forgetStop = qmp.on('STOP', () => this.#options.onStop());
    this.#timer = setInterval(() => {
      if (this.#looking || qmp.state !== 'ready') return;
      this.#looking = true;
      this.#look(qmp)
        .catch((error: unknown) => this.#options.log.info('migration-not-looked-at', { error }))
        .finally(() => (this.#looking = false));
    }, lookMs);
  }

  end(): void {
    clearInterval(this.#timer);
    this.#forgetStop();
  }

  async #look(qmp: QmpSession): Promise<void> {
    const { clock, paced, onLook } = this.#options;
    const { status, raw } = await queryMigrate(qmp);
    const ram = ramSchema.safeParse(raw['ram']);
    if (!ram.success) return;
    const { remaining, transferred, duplicate, normal } = ram.data;
    onLook({ scannedBytes: (duplicate + normal) * (ram.data['page-size'] ?? 4096), leftBytes: remaining });
    if (!paced || status !== 'active') return;
    const { switchOver, maxBandwidthBytes } = this.#pace.look({ atMs: clock.workMs(), round: ram.data['dirty-sync-count'], remainingBytes: remaining, transferredBytes: transferred });
    if (switchOver) await setMigrationParameters(qmp, { maxBandwidthBytes: unlimited, downtimeLimitMs: anyPauseMs });
    else if (maxBandwidthBytes !== undefined) await setMigrationParameters(qmp, { maxBandwidthBytes });
  }
}
