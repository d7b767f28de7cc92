/** What is read within this time is told at once, in milliseconds. */
const GATHERED = 1000;
/** So many people of one conversation are remembered, those who have read something last. */
const MOST_READERS = 1000;

/** How far people have read: we, who tell it, and others, where the server tells of them. */
export class Reading {
  #tell;
  #pending = new Map();
  #refused = new Set();

  /** @param {{tell: (room: string, seq: number) => Promise<object>}} actions */
  constructor({ tell }) {
    this.#tell = tell;
  }

  /** The server says how far somebody has read; what we have read elsewhere is not unread here. */
  heard(conversation, { user, up_to: seq }, me) {
    const { readers } = conversation;
    readers.delete(user);
    readers.set(user, seq);
    if (readers.size > MOST_READERS) readers.delete(readers.keys().next().value);
    if (user !== me) return;
    const unread = conversation.lines.filter((line) => line.kind === "message" && !line.mine && line.seq > seq);
    conversation.unread = Math.min(conversation.unread, unread.length);
  }

  /** We see the newest message of a conversation. */
  saw(conversation, me) {
    const { newest, readers, isReadBack } = conversation;
    const isKnown = newest === undefined || readers.get(me) >= newest;
    if (isReadBack || isKnown || this.#refused.has(conversation)) return;
    if (!this.#pending.has(conversation)) setTimeout(() => this.#note(conversation, me), GATHERED);
    this.#pending.set(conversation, newest);
  }

  /** A server that starts anew has forgotten how far we were, and may refuse less. */
  lost(conversations, me) {
    for (const { readers } of conversations) readers.delete(me);
    this.#refused.clear();
  }

  async #note(conversation, me) {
    const { name, readers } = conversation;
    const seq = this.#pending.get(conversation);
    this.#pending.delete(conversation);
    readers.set(me, seq);
    try {
      await this.#tell(name, seq);
    } catch ({ retryable }) {
      if (!retryable) this.#refused.add(conversation);
      else if (readers.get(me) === seq) readers.delete(me);
    }
  }
}
