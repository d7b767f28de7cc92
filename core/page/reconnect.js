/** Close codes after which a client stays away: the server would only refuse it again. */
export const FINAL_CLOSE_CODES = new Set([1000, 1002, 1003, 1007, 1009, 4001, 4003, 4009]);

/** How long to wait before each attempt: exponential backoff with full jitter. */
export class Backoff {
  #attempt = 0;
  #base;
  #ceiling;
  #random;

  /** @param {{base?: number, ceiling?: number, random?: () => number}} [options] times in milliseconds */
  constructor({ base = 1000, ceiling = 30_000, random = Math.random } = {}) {
    this.#base = base;
    this.#ceiling = ceiling;
    this.#random = random;
  }

  get attempt() {
    return this.#attempt;
  }

  /**
   * Counts one more attempt and says how many milliseconds to wait before it.
   * @param {number} retryAfter what the server asked for, in milliseconds: never undercut, and spread
   *   over as long again, so that a whole server's clients do not come back at one moment
   */
  next(retryAfter = 0) {
    this.#attempt += 1;
    const spread = Math.min(this.#ceiling, this.#base * 2 ** (this.#attempt - 1));
    return retryAfter + this.#random() * Math.max(spread, retryAfter);
  }

  reset() {
    this.#attempt = 0;
  }
}
