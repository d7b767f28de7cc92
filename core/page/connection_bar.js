import { byId } from "./elements.js";
import { sentence } from "./refusals.js";
import { countdown, moment, span } from "./times.js";

const WHY_CLOSED = new Map([
  [1000, "The server ended the connection."],
  [1009, "The message was too large for the server."],
  [4001, "The server does not know you: a valid token is needed."],
  [4003, "The server does not let you in."],
  [4009, "You are connected too often. Close this page in another tab or on another device."],
]);
const WHY_WAITING = new Map([
  [1012, "The server is restarting."],
  [1013, "The server is full."],
  [4008, "The connection was too slow, or sent too much."],
]);
/** From so many milliseconds before credentials expire, their end is counted down. */
const EXPIRES_SOON = 5 * 60_000;
/** The longest time that a browser's timer can be set to. */
const LONGEST_TIMER = 2 ** 31 - 1;

/** Says how the connection is, with a button for what a person can do about it. */
export class ConnectionBar {
  #bar = byId("connection");
  #text = byId("connection-text");
  #spoken = byId("connection-spoken");
  #action = byId("connection-action");
  #rename = byId("connection-rename");
  #renew = byId("connection-renew");
  #stop = () => {};
  #everOpen = false;

  /** @param {{connect: () => void, rename: () => void, renew: () => void}} actions what the buttons do */
  constructor({ connect, rename, renew }) {
    this.#rename.addEventListener("click", rename);
    this.#renew.addEventListener("click", renew);
    this.#action.addEventListener("click", () => {
      connect();
      byId("draft").focus();
    });
  }

  /**
   * @param {object} detail of a `state` event of HubbubClient
   * @param {number} queued messages that wait
   * @param {number | null} expires when the credentials do, on the clock of `Date.now()`
   */
  show(detail, queued, expires) {
    this.#stop();
    this.#stop = () => {};
    const { state, attempt } = detail;
    this.#bar.dataset.state = state;
    this.#rename.hidden = state !== "closed";
    this.#renew.hidden = state !== "open" || expires === null;
    if (state === "open") this.#showOpen(expires);
    else if (state === "connecting") this.#say(attempt ? `Reconnecting (attempt ${attempt})…` : "Connecting…");
    else if (state === "waiting") this.#countDown(detail, queued);
    else this.#say(sentence(detail.reason) || (WHY_CLOSED.get(detail.code) ?? "The connection was closed."), "Connect again");
  }

  #showOpen(expires) {
    this.#everOpen = true;
    if (expires === null) {
      this.#say("Connected");
      return;
    }
    const left = expires - Date.now();
    if (left > EXPIRES_SOON) {
      this.#say(`Connected until ${moment(expires)}`);
      const timer = setTimeout(() => this.#showOpen(expires), Math.min(left - EXPIRES_SOON, LONGEST_TIMER));
      this.#stop = () => clearTimeout(timer);
      return;
    }
    this.#bar.dataset.state = "expiring";
    this.#say(`Your credentials expire in ${span(left)}.`);
    this.#stop = countdown(expires, (rest) => {
      this.#text.textContent = `Your credentials expire in ${span(rest)}.`;
    });
  }

  #countDown({ attempt, until, code }, queued) {
    const why = WHY_WAITING.get(code) ?? (this.#everOpen ? "" : "The server cannot be reached.");
    const waiting = queued ? ` ${queued} message${queued === 1 ? " waits" : "s wait"} to be sent.` : "";
    const tell = (when) => `${why} Reconnecting ${when} (attempt ${attempt})…${waiting}`.trim();
    this.#say(tell("soon"), "Try now");
    this.#stop = countdown(until, (left) => {
      this.#text.textContent = tell(left > 0 ? `in ${span(left)}` : "now");
    });
  }

  /** A ticking clock is for the eye; a screen reader hears each state once. */
  #say(text, action = "") {
    this.#text.textContent = text;
    if (this.#spoken.textContent !== text) this.#spoken.textContent = text;
    this.#action.hidden = !action;
    this.#action.textContent = action;
  }
}
