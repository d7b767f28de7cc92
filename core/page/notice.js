import { byId } from "./elements.js";
import { countdown, span } from "./times.js";

/** One sentence above the message box: what went wrong, and when it may be tried again. */
export class Notice {
  #box = byId("notice");
  #text = byId("notice-text");
  #countdown = byId("notice-countdown");
  #stop = () => {};

  constructor() {
    byId("notice-close").addEventListener("click", () => {
      this.hide();
      byId("draft").focus();
    });
  }

  /** @param {string} text, @param {number} [retryAfter] in seconds; the notice goes when they have passed */
  show(text, retryAfter = 0) {
    this.hide();
    this.#box.hidden = false;
    this.#text.textContent = text;
    if (!retryAfter) return;
    this.#stop = countdown(Date.now() + retryAfter * 1000, (left) => {
      if (left > 0) this.#countdown.textContent = `Try again in ${span(left)}.`;
      else this.hide();
    });
  }

  hide() {
    this.#stop();
    this.#stop = () => {};
    this.#box.hidden = true;
    this.#text.textContent = "";
    this.#countdown.textContent = "";
  }
}
