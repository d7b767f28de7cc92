import { isAmendment } from "./amendments.js";
import { Reading } from "./reading.js";
import { Typing } from "./typing.js";

/**
 * What the plugin chat_extras adds, where the server has it: edits, deletions, reactions, who is typing, and who
 * has read what.
 */
export class Extras {
  #client;
  #changed;
  #typing;
  #reading;
  /** The event types that the server understands, by its own word. */
  #types = new Set();
  /** Guests may change what they have said since then, members anything. */
  #since = 0;

  /** @param {{client: () => object, changed: (conversation: object) => void}} parts */
  constructor({ client, changed }) {
    this.#client = client;
    this.#changed = changed;
    const tell = (room, isTyping) => client().send({ type: "typing", room, is_typing: isTyping }).catch(() => {});
    this.#typing = new Typing({ tell, changed });
    this.#reading = new Reading({ tell: (room, seq) => client().send({ type: "read", room, up_to: seq }) });
  }

  /** Asks the server, which may be another one after each connect, what it understands. */
  async learn() {
    const client = this.#client();
    try {
      const { types } = await client.send({ type: "help" });
      if (client !== this.#client()) return;
      this.#types = new Set(types.map(({ type }) => type));
    } catch {
      return; // Until the next connection, what was said before stands.
    }
    this.#changed();
  }

  welcomed({ guest_key: guestKey, timestamp }) {
    this.#since = guestKey === undefined ? 0 : Date.parse(timestamp);
  }

  /** The connection is lost. */
  lost(conversations) {
    this.#typing.clear(conversations);
    this.#reading.lost(conversations, this.#client().user);
  }

  /** Whether it is told in a conversation who is typing. */
  hasTyping(conversation) {
    return conversation?.kind === "room" && this.#types.has("typing");
  }

  /** What we may do with a line of a conversation, as far as one can know before the server is asked. */
  rights(conversation, line) {
    const isOpen = conversation.isAmendable(line) && !line.amended?.isDeleted;
    const isOurs = isOpen && line.user === this.#client().user && Date.parse(line.timestamp) >= this.#since;
    return {
      react: isOpen && this.#types.has("reaction"),
      edit: isOurs && this.#types.has("edit") && typeof line.content === "string",
      remove: isOurs && this.#types.has("delete"),
    };
  }

  receive(conversation, event) {
    if (isAmendment(event)) conversation.amend(event);
    else if (event.type === "read") this.#reading.heard(conversation, event, this.#client().user);
    else if (event.type === "typing" && event.user !== this.#client().user) this.#noteTyping(conversation, event);
    else return;
    this.#changed(conversation);
  }

  #noteTyping(conversation, { user, is_typing: isTyping }) {
    if (isTyping) this.#typing.heard(conversation, user);
    else this.#typing.stopped(conversation, user);
  }

  /** Somebody has said something. */
  said(conversation, user) {
    this.#typing.stopped(conversation, user);
  }

  /** We see what was said last. */
  saw(conversation) {
    if (this.#types.has("read")) this.#reading.saw(conversation, this.#client().user);
  }

  /** We are writing something. */
  wrote(conversation, text) {
    if (this.hasTyping(conversation)) this.#typing.wrote(conversation, text);
  }

  /** We have sent it. */
  sent() {
    this.#typing.sent();
  }

  edit({ name: room }, { seq: of }, content) {
    return this.#client().send({ type: "edit", room, of, content });
  }

  remove({ name: room }, { seq: of }) {
    return this.#client().send({ type: "delete", room, of });
  }

  react({ name: room }, { seq: of }, emoji, removed) {
    return this.#client().send({ type: "reaction", room, of, emoji, removed });
  }
}
