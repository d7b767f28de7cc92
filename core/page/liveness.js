/**
 * Notices a server that is gone without a close: a socket may stay "open" for many minutes after the
 * network under it has changed. Silence is questioned with a ping; a ping without any answer is death.
 */
export class Liveness {
  #timer = 0;
  #heard = 0;
  #probing = false;
  #quiet;
  #patience;
  #ping;
  #dead;

  /**
   * @param {{quiet: number, patience: number, ping: () => void, dead: () => void}} options `quiet` and
   *   `patience` in milliseconds: how long silence is fine, and how long an answer may take
   */
  constructor({ quiet, patience, ping, dead }) {
    this.#quiet = quiet;
    this.#patience = patience;
    this.#ping = ping;
    this.#dead = dead;
  }

  start() {
    this.heard();
    this.#wait(this.#quiet);
  }

  stop() {
    clearTimeout(this.#timer);
    this.#probing = false;
  }

  /** Any frame is a sign of life. Cheap: it only notes the time. */
  heard() {
    this.#heard = performance.now();
  }

  /** Asks at once, for the moments when a dead connection is likely: waking up, a changed network. */
  probe() {
    if (this.#probing) return;
    this.#probing = true;
    clearTimeout(this.#timer);
    const asked = performance.now();
    this.#ping();
    this.#timer = setTimeout(() => {
      this.#probing = false;
      if (this.#heard < asked) this.#dead();
      else this.#wait(this.#quiet);
    }, this.#patience);
  }

  #wait(milliseconds) {
    this.#probing = false;
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => {
      const silence = performance.now() - this.#heard;
      if (silence >= this.#quiet) this.probe();
      else this.#wait(this.#quiet - silence);
    }, milliseconds);
  }
}
