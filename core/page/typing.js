/** A server says when somebody has stopped; one that died cannot. In milliseconds. */
const EXPIRES = 10_000;
/** How often a server is told that we go on typing, in milliseconds. */
const TOLD_EVERY = 3000;

/** Who is typing in which room, and whether we are. */
export class Typing {
  #tell;
  #changed;
  #timers = new Map();
  #told = { conversation: null, at: -Infinity };

  /**
   * @param {{tell: (room: string, isTyping: boolean) => void, changed: (conversation: object) => void}} actions
   */
  constructor({ tell, changed }) {
    this.#tell = tell;
    this.#changed = changed;
  }

  heard(conversation, user) {
    this.stopped(conversation, user);
    conversation.typists.add(user);
    const timer = setTimeout(() => {
      this.stopped(conversation, user);
      this.#changed(conversation);
    }, EXPIRES);
    this.#timers.set(`${conversation.key} ${user}`, timer);
  }

  stopped(conversation, user) {
    clearTimeout(this.#timers.get(`${conversation.key} ${user}`));
    this.#timers.delete(`${conversation.key} ${user}`);
    conversation.typists.delete(user);
  }

  /** Without a connection nobody is heard. */
  clear(conversations) {
    for (const conversation of conversations) for (const user of conversation.typists) this.stopped(conversation, user);
    this.sent();
  }

  /** We have changed what stands in the message box. */
  wrote(conversation, text) {
    const now = performance.now();
    const isKnown = this.#told.conversation === conversation && now - this.#told.at < TOLD_EVERY;
    if (text.trim() === "") {
      if (this.#told.conversation === conversation) this.#tell(conversation.name, false);
      this.sent();
    } else if (!isKnown) {
      this.#told = { conversation, at: now };
      this.#tell(conversation.name, true);
    }
  }

  /** A message says by itself that we have stopped. */
  sent() {
    this.#told = { conversation: null, at: -Infinity };
  }
}
