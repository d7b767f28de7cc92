const ANSWERS = new Set(["ack", "error"]);
const REPLIES = new Set(["presence", "history", "help"]);

/** An event that was refused, or never answered. `retryAfter` is in seconds, as the server says it. */
export class HubbubError extends Error {
  constructor({ code, message, retryable = false, retry_after: retryAfter = undefined }) {
    super(message);
    this.name = "HubbubError";
    this.code = code;
    this.retryable = retryable;
    this.retryAfter = retryAfter;
  }
}

/** An id that no other event has. (crypto.randomUUID exists only on https pages.) */
export function newId() {
  const random = crypto.getRandomValues(new Uint32Array(3));
  return Array.from(random, (part) => part.toString(36)).join("");
}

/**
 * Every event that still owes its sender an answer: those that wait for a connection, in order and
 * bounded in number, and those that were sent.
 */
export class Requests {
  #waiting = [];
  #sent = new Map();
  #limit;
  #patience;

  /** @param {{limit: number, patience: number}} options most events that wait; milliseconds to wait for an answer */
  constructor({ limit, patience }) {
    this.#limit = limit;
    this.#patience = patience;
  }

  get waiting() {
    return this.#waiting.length;
  }

  /**
   * Sends through `transmit`, or without a connection (`transmit` null) keeps what wants to be kept.
   * Resolves to the reply of a query, and to the ack of anything else.
   */
  add(event, { keep, transmit }) {
    return new Promise((resolve, reject) => {
      const request = { event, keep, resolve, reject, reply: undefined, timer: 0 };
      if (transmit) this.#send(request, transmit);
      else if (!keep) this.#refuse([request], "disconnected", "There is no connection to the server.", true);
      else if (this.#waiting.length < this.#limit) this.#waiting.push(request);
      else this.#refuse([request], "queue_full", `${this.#limit} messages already wait for the connection.`, true);
    });
  }

  /** Sends everything that waited for a connection. */
  flush(transmit) {
    for (const request of this.#waiting.splice(0)) this.#send(request, transmit);
  }

  /** Gives an answer to whoever asked; other events pass by. */
  settle(event) {
    if (REPLIES.has(event.type)) this.#attach(event);
    const request = ANSWERS.has(event.type) ? this.#sent.get(event.id) : undefined;
    if (!request) return;
    this.#sent.delete(event.id);
    clearTimeout(request.timer);
    if (event.type === "error") request.reject(new HubbubError(event));
    else request.resolve(request.reply ?? event);
  }

  /** A reply carries no id; answers keep the order of the questions, and its ack follows it. */
  #attach(reply) {
    for (const request of this.#sent.values()) {
      if (request.event.type === reply.type && !request.reply) {
        request.reply = reply;
        return;
      }
    }
  }

  /** The connection is lost: what may be sent again waits, first in line; the rest is refused. */
  interrupt() {
    const unanswered = this.#takeSent();
    this.#waiting.unshift(...unanswered.filter((request) => request.keep));
    const lost = unanswered.filter((request) => !request.keep);
    this.#refuse(lost, "disconnected", "The connection was lost.", true);
  }

  /** The connection was ended on purpose: nothing will be sent any more. */
  end() {
    this.#refuse([...this.#takeSent(), ...this.#waiting.splice(0)], "closed", "The connection was closed.", true);
  }

  #send(request, transmit) {
    const { id } = request.event;
    this.#sent.set(id, request);
    request.timer = setTimeout(() => {
      this.#sent.delete(id);
      this.#refuse([request], "no_answer", "The server has not answered.", true);
    }, this.#patience);
    transmit(request.event);
  }

  #takeSent() {
    const requests = [...this.#sent.values()];
    this.#sent.clear();
    for (const request of requests) clearTimeout(request.timer);
    return requests;
  }

  #refuse(requests, code, message, retryable) {
    for (const request of requests) request.reject(new HubbubError({ code, message, retryable }));
  }
}
