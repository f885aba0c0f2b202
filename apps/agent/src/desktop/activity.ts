import { Fault } from '@godwit/base';
import type { ControlProgress, ControlResult } from '@godwit/wire';
import type { Report } from '../daemon/control-server.ts';

/** What takes a while with a desktop. */
export type Operation = 'suspend' | 'checkpoint' | 'resume' | 'takeover';

export type Happening =
  | { readonly type: 'progress'; readonly name: string; readonly operation: Operation; readonly progress: ControlProgress }
  | { readonly type: 'done'; readonly name: string; readonly operation: Operation; readonly result: ControlResult<Operation> }
  | { readonly type: 'failed'; readonly name: string; readonly operation: Operation; readonly fault: Fault };

/** What is under way with the desktops of this host, whoever asked for it, as told to whoever watches: notifications, reports, the page of a screen. */
export class Activity {
  readonly #listeners = new Set<(happening: Happening) => void>();

  /** Calls `listener`, which does not throw, with all that happens from now on. Returns the way to stop it. */
  subscribe(listener: (happening: Happening) => void): () => void {
    this.#listeners.add(listener);
    return () => void this.#listeners.delete(listener);
  }

  /** Runs `work`; how it goes on and how it ends is told beside what `report` is told. */
  async watch<Result extends ControlResult<Operation>>(operation: Operation, name: string, report: Report, work: (report: Report) => Promise<Result>): Promise<Result> {
    try {
      const result = await work((progress) => {
        report(progress);
        this.#tell({ type: 'progress', name, operation, progress });
      });
      this.#tell({ type: 'done', name, operation, result });
      return result;
    } catch (error) {
      this.#tell({ type: 'failed', name, operation, fault: Fault.from(error) });
      throw error;
    }
  }

  #tell(happening: Happening): void {
    for (const listener of [...this.#listeners]) listener(happening);
  }
}
