import { Conversation } from "./conversation.js";

/** All conversations, in the order in which they were begun, and the one on screen. */
export class Conversations {
  current = null;
  #all = new Map();

  find(kind, name) {
    return this.#all.get(`${kind}:${name}`);
  }

  open(kind, name) {
    const conversation = this.find(kind, name) ?? new Conversation(kind, name);
    this.#all.set(conversation.key, conversation);
    this.current ??= conversation;
    return conversation;
  }

  /** Forgets a conversation; the nearest other one becomes the current one. */
  close(conversation) {
    const keys = [...this.#all.keys()];
    const place = keys.indexOf(conversation.key);
    this.#all.delete(conversation.key);
    if (this.current === conversation) this.current = this.#all.get(keys[place - 1] ?? keys[place + 1]) ?? null;
  }

  /** Forgets all of them: somebody else is here now. */
  clear() {
    this.#all.clear();
    this.current = null;
  }

  of(kind) {
    return Array.from(this.#all.values()).filter((conversation) => conversation.kind === kind);
  }

  all() {
    return [...this.#all.values()];
  }

  get unread() {
    return this.all().reduce((sum, conversation) => sum + conversation.unread, 0);
  }
}
