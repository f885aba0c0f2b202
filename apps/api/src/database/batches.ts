/**
 * Questions of the same kind, asked of the database together: those that come in one turn of the event loop or while the ones before are
 * under way become one statement. A question alone does not wait. A batch that fails, fails for all who asked.
 */
export class Batches<Question, Answer> {
  readonly #run: (questions: readonly Question[]) => Promise<readonly Answer[]>;
  readonly #most: number;
  #waiting: Waiting<Question, Answer>[] = [];
  #busy = false;

  /** `run` answers each question, in their order; it gets at most `most` of them. */
  constructor(run: (questions: readonly Question[]) => Promise<readonly Answer[]>, most: number) {
    this.#run = run;
    this.#most = most;
  }

  ask(question: Question): Promise<Answer> {
    return new Promise((resolve, reject) => {
      this.#waiting.push({ question, resolve, reject });
      if (this.#busy) return;
      this.#busy = true;
      this.#next();
    });
  }

  #next(): void {
    setImmediate(() => {
      const batch = this.#waiting.splice(0, this.#most);
      void this.#answer(batch).then(() => {
        this.#busy = this.#waiting.length > 0;
        if (this.#busy) this.#next();
      });
    });
  }

  async #answer(batch: readonly Waiting<Question, Answer>[]): Promise<void> {
    try {
      const answers = await this.#run(batch.map(({ question }) => question));
      for (const [index, { resolve }] of batch.entries()) resolve(answers[index]!);
    } catch (error) {
      for (const { reject } of batch) reject(error);
    }
  }
}

interface Waiting<Question, Answer> {
  readonly question: Question;
  readonly resolve: (answer: Answer) => void;
  readonly reject: (error: unknown) => void;
}
