/**
 * Work due after messages that nobody waits for, such as reporting payments to a mint. It is done
 * when nudged, never twice at once, and again after a while where it failed. What is due is in the
 * store, so nothing is lost with the process.
 */
import { failureOf } from '../engine/failure.ts';
import { note } from '../engine/log.ts';

export class Outbox {
  readonly #work: () => Promise<unknown>;
  readonly #retryMs: number;
  #running: Promise<void> | undefined;
  #due = false;
  #retry: NodeJS.Timeout | undefined;

  constructor(work: () => Promise<unknown>, retryMs = 5_000) {
    this.#work = work;
    this.#retryMs = retryMs;
  }

  /** Wakes it, since there may be something to do. */
  nudge(): void {
    this.#due = true;
    this.#running ??= this.#run();
  }

  async #run(): Promise<void> {
    clearTimeout(this.#retry);
    while (this.#due) {
      this.#due = false;
      try {
        await this.#work();
      } catch (error) {
        const { code, message } = failureOf(error);
        note(`${code}: ${message}`);
        this.#retry = setTimeout(() => this.nudge(), this.#retryMs);
      }
    }
    this.#running = undefined;
  }

  /** Closes it after the work that runs; work that failed last stays due for the next process. */
  async close(): Promise<void> {
    await this.#running;
    clearTimeout(this.#retry);
  }
}
