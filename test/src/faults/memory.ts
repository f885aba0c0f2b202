import type { Checkpoint } from '@godwit/wire';

/** What the campaign has seen of each desktop's line, so that nothing of it can change or go back unnoticed. */
export class Memory {
  /** By desktop id and sequence. */
  readonly #digests = new Map<string, string>();
  readonly #acknowledged = new Map<string, number>();
  /** Objects that nothing needed, since when. */
  readonly #orphans = new Map<string, number>();

  /** Desktops that copies left behind have become. */
  readonly forks = new Set<string>();

  get orphanCount(): number {
    return this.#orphans.size;
  }

  /** An agent has said that this checkpoint is safe. */
  acknowledged(desktop: string, sequence: number): void {
    this.#acknowledged.set(desktop, Math.max(sequence, this.#acknowledged.get(desktop) ?? 0));
  }

  /** Its user has given up what was acknowledged of it. */
  givenUp(desktop: string): void {
    this.#acknowledged.delete(desktop);
  }

  /** What is wrong with a line, newest first as it is listed. Older checkpoints may have been dropped by the policy. */
  line(desktop: { readonly desktopId: string; readonly name: string; readonly epoch: number }, line: readonly Checkpoint[]): string[] {
    const wrong: string[] = [];
    const { desktopId, name } = desktop;
    for (const [index, checkpoint] of line.entries()) {
      const key = `${desktopId} ${checkpoint.sequence}`;
      const known = this.#digests.get(key);
      if (known !== undefined && known !== checkpoint.digest) wrong.push(`checkpoint ${checkpoint.sequence} of ${name} was ${known} and is ${checkpoint.digest}`);
      this.#digests.set(key, checkpoint.digest);
      const newer = line[index - 1];
      if (newer === undefined) continue;
      if (newer.sequence !== checkpoint.sequence + 1 || newer.parent !== checkpoint.digest) wrong.push(`checkpoint ${newer.sequence} of ${name} does not stand on ${checkpoint.sequence}`);
      if (newer.epoch < checkpoint.epoch) wrong.push(`epoch ${newer.epoch} of ${name} comes after ${checkpoint.epoch}`);
    }
    const [newest] = line;
    const acknowledged = this.#acknowledged.get(name) ?? 0;
    if ((newest?.sequence ?? 0) < acknowledged) wrong.push(`checkpoint ${acknowledged} of ${name} was acknowledged, the newest is ${newest?.sequence ?? 0}`);
    if (newest !== undefined && newest.epoch > desktop.epoch) wrong.push(`the head of ${name} is of epoch ${newest.epoch}, the desktop of ${desktop.epoch}`);
    return wrong;
  }

  /** Of the objects that nothing needs now, those that nothing has needed for longer than `limitMs`. */
  overdue(orphans: readonly string[], nowMs: number, limitMs: number): string[] {
    for (const key of [...this.#orphans.keys()]) if (!orphans.includes(key)) this.#orphans.delete(key);
    for (const key of orphans) if (!this.#orphans.has(key)) this.#orphans.set(key, nowMs);
    return [...this.#orphans].filter(([, sinceMs]) => nowMs - sinceMs > limitMs).map(([key]) => key);
  }
}
