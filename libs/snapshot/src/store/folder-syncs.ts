interface Round {
  readonly running: Promise<void>;
  /** Begins when the running one has ended. */
  next?: Promise<void>;
}

/** Syncs of folders, which make the names of new files durable. Those that are asked for while one is under way, which may have missed their name, share the next. */
export class FolderSyncs {
  readonly #syncFolder: (path: string) => Promise<void>;
  readonly #rounds = new Map<string, Round>();

  constructor(syncFolder: (path: string) => Promise<void>) {
    this.#syncFolder = syncFolder;
  }

  /** Resolves when a sync that began after this call has ended. */
  sync(path: string): Promise<void> {
    const round = this.#rounds.get(path);
    if (round === undefined) return this.#run(path);
    // One that failed has told its own.
    round.next ??= round.running.catch(() => undefined).then(() => this.#run(path));
    return round.next;
  }

  async #run(path: string): Promise<void> {
    const round: Round = { running: this.#syncFolder(path) };
    this.#rounds.set(path, round);
    try {
      await round.running;
    } finally {
      if (round.next === undefined) this.#rounds.delete(path);
    }
  }
}
