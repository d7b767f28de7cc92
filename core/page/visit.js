import { forget, recall, remember, thisTab } from "./storage.js";

/** What this tab remembers when the page is loaded again: its rooms, its drafts, and what was not sent yet. */
export class Visit {
  /** Whom the server vouched for, and whose all this is; null for a guest. */
  member;
  rooms;
  #drafts;
  #outgoing;

  constructor() {
    const { member = null, rooms = [], drafts = {}, outgoing = null } = recall(thisTab, "visit", {});
    Object.assign(this, { member, rooms });
    this.#drafts = drafts;
    this.#outgoing = outgoing;
  }

  /** The draft of a conversation, for once. */
  takeDraft(key) {
    const draft = this.#drafts[key] ?? "";
    delete this.#drafts[key];
    return draft;
  }

  /** The messages that were on their way when the page went, for once, and only to who wrote them. */
  takeOutgoing(user) {
    const { by, messages = [] } = this.#outgoing ?? {};
    this.#outgoing = null;
    return by === user ? messages : [];
  }

  save(chat) {
    const { conversations, isMember, me } = chat;
    const drafts = { ...this.#drafts };
    for (const { key, draft } of conversations.all()) if (draft) drafts[key] = draft;
    const rooms = conversations.of("room").map((room) => room.name);
    // What was never taken, because the server could not be reached, is not lost either.
    const { by = me, messages = [] } = this.#outgoing ?? {};
    const outgoing = { by, messages: [...messages, ...chat.saveOutgoing()] };
    remember(thisTab, "visit", { member: isMember ? me : null, rooms, drafts, outgoing });
  }

  forget() {
    this.#drafts = {};
    this.#outgoing = null;
    forget(thisTab, "visit");
  }
}
