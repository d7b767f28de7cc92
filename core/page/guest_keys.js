import { always, recall, remember } from "./storage.js";

/** Most servers forget a key when they restart: one that was not used for so long, in milliseconds, opens nothing. */
const GOOD_FOR = 30 * 24 * 3600_000;
const MOST_NAMES = 20;

/**
 * The keys by which the server knows a guest again. All tabs of this browser share them, so that a second tab is
 * the same person and not somebody who wants a name that is taken.
 */
export class GuestKeys {
  /** Where the browser keeps nothing, this tab does. */
  #own = new Map();

  find(name) {
    const { key } = Object(this.#all()[name]);
    return typeof key === "string" ? key : this.#own.get(name);
  }

  keep(name, key) {
    this.#own.set(name, key);
    const isGood = (entry) => Date.now() - (entry?.at ?? 0) < GOOD_FOR;
    const others = Object.entries(this.#all()).filter(([other, entry]) => other !== name && isGood(entry));
    others.sort(([, one], [, other]) => other.at - one.at);
    this.#write([[name, { key, at: Date.now() }], ...others.slice(0, MOST_NAMES - 1)]);
  }

  /** Drops a key that opens nothing any more, unless another tab has a newer one. */
  drop(name, key) {
    if (this.find(name) !== key) return;
    this.#own.delete(name);
    this.#write(Object.entries(this.#all()).filter(([other]) => other !== name));
  }

  /**
   * Resolves to whether there is another key than `key` by now, or within so many milliseconds: after a restart
   * of the server the first tab that is back gets a new one, which the others have to wait for.
   */
  renewed(name, key, within) {
    const isRenewed = () => ![undefined, key].includes(this.find(name));
    return new Promise((resolve) => {
      const done = new AbortController();
      const check = (isLast) => {
        if (!isLast && !isRenewed()) return;
        done.abort();
        clearTimeout(timer);
        resolve(isRenewed());
      };
      const timer = setTimeout(() => check(true), within);
      window.addEventListener("storage", () => check(false), { signal: done.signal });
      check(false);
    });
  }

  #all() {
    return Object(recall(always, "guest_keys", {}));
  }

  #write(entries) {
    remember(always, "guest_keys", Object.fromEntries(entries));
  }
}
