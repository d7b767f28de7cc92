import { newId } from "./client.js";

/** How long after its ack a message may take to come back to us, in milliseconds. */
const ECHO_WITHIN = 1500;

/** Our own messages on their way: kept in their conversation until the server has published them. */
export class Outbox {
  #client;
  #changed;

  /** @param {{client: () => object, changed: (conversation: object) => void}} parts */
  constructor({ client, changed }) {
    this.#client = client;
    this.#changed = changed;
  }

  write(conversation, content) {
    this.#deliver(conversation, { id: newId(), content, attempt: 0 });
  }

  /** Sends again, with the same id: what was published after all is not published twice. */
  retry(conversation, { id, content, attempt }) {
    this.#deliver(conversation, { id, content, attempt: attempt + 1 });
  }

  discard(conversation, message) {
    conversation.outgoing.delete(message.id);
    this.#changed(conversation);
  }

  /** What is to outlive the page; `restore` takes it. */
  save(conversation) {
    return Array.from(conversation.outgoing.values(), ({ id, content, error, sentAt }) => ({
      id,
      content,
      sentAt: this.#client()?.sentAt(id) ?? sentAt,
      error: error && { message: error.message, retryable: error.retryable },
    }));
  }

  restore(conversation, saved) {
    for (const message of saved) {
      if (message.error) conversation.outgoing.set(message.id, { ...message, attempt: 0, retryAt: 0 });
      else this.#deliver(conversation, { ...message, attempt: 0 });
    }
    this.#changed(conversation);
  }

  async #deliver(conversation, message) {
    const { id, content, sentAt } = message;
    const { outgoing, name, kind } = conversation;
    outgoing.set(id, message);
    this.#changed(conversation);
    const client = this.#client();
    try {
      const answer = await (kind === "room" ? client.message(name, content, id, sentAt) : client.private(name, content, id, sentAt));
      const settle = () => {
        if (outgoing.get(id) !== message) return;
        conversation.addConfirmed(message, client.user, answer);
        this.#changed(conversation);
      };
      // The message itself comes back to us and takes its place; only after a lost connection it may not.
      if (answer.duplicate) settle();
      else setTimeout(settle, ECHO_WITHIN);
    } catch (error) {
      if (outgoing.get(id) !== message) return;
      outgoing.set(id, { ...message, error, retryAt: Date.now() + (error.retryAfter ?? 0) * 1000 });
      this.#changed(conversation);
    }
  }
}
