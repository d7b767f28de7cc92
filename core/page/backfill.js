const PAGE = 50;
/** A page may hold nothing to show, such as reactions: so many are asked for until there is something. */
const MOST_PAGES = 5;

/** Asks the server's history for what is missing in a conversation. */
export class Backfill {
  #ask;
  #changed;

  /**
   * @param {{ask: (room: string, query: object) => Promise<object>, changed: (conversation: object) => void}} actions
   */
  constructor({ ask, changed }) {
    this.#ask = ask;
    this.#changed = changed;
  }

  /**
   * Fills a hole with the newest of what is missing there; the rest of it stays a hole.
   * @param {(event: object) => boolean} isMine
   * @param {boolean} isWanted whether a person has asked, and is to be told why it cannot be
   */
  async fill(conversation, hole, isMine, isWanted) {
    if (hole.state === "loading") return;
    this.#become(conversation, hole, "loading");
    try {
      for (let pages = 0, shown = 0; pages < MOST_PAGES && !shown && conversation.lines.includes(hole); pages++) {
        const reply = await this.#ask(conversation.name, { before: hole.before, limit: PAGE });
        shown = conversation.fill(hole, reply, isMine);
      }
      this.#become(conversation, hole, "idle");
    } catch (error) {
      if (["disconnected", "closed"].includes(error.code)) {
        this.#become(conversation, hole, "idle");
        return;
      }
      if (!error.retryable && hole.reason === "older") conversation.giveUp(hole, isWanted ? error.message : "");
      else if (!error.retryable) conversation.giveUp(hole, `Messages are missing here. ${error.message}`);
      this.#become(conversation, hole, "failed", error);
    }
  }

  #become(conversation, hole, state, error) {
    hole.state = state;
    hole.error = error?.message ?? "";
    hole.retryAt = Date.now() + (error?.retryAfter ?? 0) * 1000;
    this.#changed(conversation);
  }
}
