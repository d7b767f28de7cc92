import { GuestKeys } from "./guest_keys.js";
import { forget, recall, remember, thisTab } from "./storage.js";

/** What a subprotocol may consist of, and so a token that goes that way (RFC 9110 section 5.6.2). */
const FITS = /^[\w!#$%&'*+.^`|~-]+$/;
/** How long another tab may take to get a new key, in milliseconds. */
const RENEWED_WITHIN = 3000;

/** By what the server knows who this is: a guest by a key, everybody else by a token. */
export class Credentials {
  #keys = new GuestKeys();
  #token = recall(thisTab, "token", "");
  #shown = { user: "", key: undefined };

  get hasToken() {
    return this.#token !== "";
  }

  /** Kept in this tab alone, until it is closed; it is never part of an address. */
  takeToken(token) {
    this.#token = token;
    remember(thisTab, "token", token);
  }

  dropToken() {
    this.#token = "";
    forget(thisTab, "token");
  }

  /** What the next connection, as `user`, is to show. */
  show(user) {
    const key = this.#keys.find(user);
    this.#shown = { user, key };
    return { query: key === undefined ? {} : { guest_key: key }, protocols: this.#token ? [`bearer.${this.#token}`] : [] };
  }

  /** Notes what the server has given for the next time. */
  welcomed({ user, guest_key: key }) {
    if (key !== undefined) this.#keys.keep(user, key);
  }

  /** The name was refused in spite of its key; resolves to whether another tab has got a new one. */
  async areRenewed() {
    const { user, key } = this.#shown;
    if (key === undefined) return false;
    const renewed = await this.#keys.renewed(user, key, RENEWED_WITHIN);
    if (!renewed) this.#keys.drop(user, key);
    return renewed;
  }
}

/** A token as it was pasted, without what is often copied along. Throws a sentence where it cannot be one. */
export function tokenFrom(text) {
  const token = text.trim().replace(/^(authorization: *)?bearer +/i, "");
  if (!token) throw new Error("Paste your token first.");
  if (!FITS.test(token)) throw new Error("This is no whole token: there is a space in it, or a character that none has.");
  return token;
}
