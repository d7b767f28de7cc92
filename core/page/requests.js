const ANSWERS = new Set(["ack", "error"]);
const REPLIES = new Set(["presence", "history", "help"]);
const UNSURE =
  "The connection was lost before the server confirmed this, too long ago to send it again safely: look whether it is there.";

/**
 * An event that was refused, or never answered. `retryAfter`, in seconds, and `expected`, what would do, are
 * as the server says them.
 */
export class HubbubError extends Error {
  constructor({ code, message, retryable = false, retry_after: retryAfter, expected }) {
    super(message);
    this.name = "HubbubError";
    this.code = code;
    this.retryable = retryable;
    this.retryAfter = retryAfter;
    this.expected = expected;
  }
}

/** An id that no other event has. (crypto.randomUUID exists only on https pages.) */
export function newId() {
  const random = crypto.getRandomValues(new Uint32Array(3));
  return Array.from(random, (part) => part.toString(36)).join("");
}

/**
 * Every event that still owes its sender an answer: those that wait, in order and bounded in number, and those
 * that were sent.
 */
export class Requests {
  #waiting = [];
  #sent = new Map();
  #limit;
  #patience;
  #window;
  #canSend;
  #transmit;

  /**
   * @param {{limit: number, patience: number, window: number, canSend: (event: object) => boolean,
   *   transmit: (event: object) => void}} options most events that wait; milliseconds to wait for an answer, and
   *   for which the server knows an id again; whether there is a connection, and the room is entered
   */
  constructor({ limit, patience, window, canSend, transmit }) {
    this.#limit = limit;
    this.#patience = patience;
    this.#window = window;
    this.#canSend = canSend;
    this.#transmit = transmit;
  }

  get waiting() {
    return this.#waiting.length;
  }

  /** When the event with this id was first sent, in milliseconds; undefined where it was not, or is answered. */
  sentAt(id) {
    return (this.#sent.get(id) ?? this.#waiting.find(({ event }) => event.id === id))?.sentAt;
  }

  /**
   * Sends, or keeps what wants to be kept until that is possible. Resolves to the reply of a query, and to the ack
   * of anything else. `sentAt` is when it was sent already, in an earlier life of the page.
   */
  add(event, { keep, sentAt }) {
    return new Promise((resolve, reject) => {
      const request = { event, keep, sentAt, resolve, reject, reply: undefined, timer: 0, isDone: false };
      if (this.#canSend(event)) this.#send(request);
      else if (!keep) this.#refuse([request], "disconnected", "There is no connection to the server.", true);
      else if (this.#waiting.length < this.#limit) this.#waiting.push(request);
      else this.#refuse([request], "queue_full", `${this.#limit} messages already wait for the connection.`, true);
    });
  }

  /** Sends everything that waited and can be sent now. */
  flush() {
    const ready = this.#waiting.filter(({ event }) => this.#canSend(event));
    this.#waiting = this.#waiting.filter((request) => !ready.includes(request));
    for (const request of ready) this.#send(request);
  }

  /** Gives an answer to whoever asked; other events pass by. */
  settle(event) {
    if (REPLIES.has(event.type)) this.#attach(event);
    const request = this.#sent.get(event.id);
    if (!request) return;
    // What has come back to us was published: its ack may be lost, but it is not sent again.
    if (event.type === request.event.type && event.user !== undefined) request.reply = event;
    if (!ANSWERS.has(event.type)) return;
    this.#sent.delete(event.id);
    if (event.type === "error") this.#fail(request, new HubbubError(event));
    else this.#fulfil(request, request.keep ? event : (request.reply ?? event));
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
    for (const request of unanswered) if (request.keep && request.reply) this.#fulfil(request, request.reply);
    const open = unanswered.filter((request) => !request.isDone);
    this.#waiting.unshift(...open.filter((request) => request.keep));
    const lost = open.filter((request) => !request.keep);
    this.#refuse(lost, "disconnected", "The connection was lost.", true);
  }

  /** Refuses what waits for a room that cannot be entered any more. */
  dropRoom(room, error) {
    const lost = this.#waiting.filter(({ event }) => event.room === room);
    this.#waiting = this.#waiting.filter(({ event }) => event.room !== room);
    for (const request of lost) this.#fail(request, error);
  }

  /** The connection was ended on purpose: nothing will be sent any more. */
  end() {
    this.#refuse([...this.#takeSent(), ...this.#waiting.splice(0)], "closed", "The connection was closed.", true);
  }

  #send(request) {
    const now = Date.now();
    if (request.sentAt !== undefined && now - request.sentAt > this.#window) {
      this.#refuse([request], "unsure", UNSURE, true);
      return;
    }
    request.sentAt ??= now;
    this.#sent.set(request.event.id, request);
    // It stays among those that were sent: a late reply must not be taken for that of a later question.
    request.timer = setTimeout(() => {
      this.#refuse([request], "no_answer", "The server has not answered.", true);
    }, this.#patience);
    this.#transmit(request.event);
  }

  #takeSent() {
    const requests = [...this.#sent.values()];
    this.#sent.clear();
    for (const request of requests) clearTimeout(request.timer);
    return requests;
  }

  #refuse(requests, code, message, retryable) {
    for (const request of requests) this.#fail(request, new HubbubError({ code, message, retryable }));
  }

  #fulfil(request, answer) {
    request.isDone = true;
    clearTimeout(request.timer);
    request.resolve(answer);
  }

  #fail(request, error) {
    request.isDone = true;
    clearTimeout(request.timer);
    request.reject(error);
  }
}
