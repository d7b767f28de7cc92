import { Backoff, FINAL_CLOSE_CODES } from "./reconnect.js";
import { Liveness } from "./liveness.js";
import { Requests, newId } from "./requests.js";

export { HubbubError, newId } from "./requests.js";

const NO_CLOSE_FRAME = 1006;
const DEFAULTS = {
  queueLimit: 50,
  answerWithin: 20_000,
  connectWithin: 10_000,
  stableAfter: 10_000,
  quiet: 25_000,
  patience: 10_000,
};

/**
 * One person's connection to a Hubbub server, kept alive.
 *
 * It dispatches `state` whenever the connection changes, with
 * `{state: "connecting" | "open" | "waiting" | "closed", attempt, delay, until, code, reason}`
 * (`delay` in milliseconds, `until` on the clock of `Date.now()`); `event` with every event received;
 * and `roomlost` with `{room, error}` when a room could not be entered again.
 * `send`, `join` and the like return promises of the server's answer; they reject with HubbubError.
 * After a lost connection it comes back by itself, enters its rooms again and sends what is waiting.
 */
export class HubbubClient extends EventTarget {
  /** The rooms this client is in, each with the place from which it can be resumed. */
  rooms = new Map();
  state = "idle";
  user;
  #url;
  #options;
  #requests;
  #backoff;
  #liveness;
  #socket = null;
  #timer = 0;
  #stableTimer = 0;
  #retryAfter = 0;
  #notBefore = 0;
  #page = new AbortController();

  /**
   * @param {{url: string, user?: string, rooms?: string[], queueLimit?: number, answerWithin?: number,
   *   connectWithin?: number, stableAfter?: number, quiet?: number, patience?: number,
   *   base?: number, ceiling?: number, random?: () => number}} options `url` without the room; the first of
   *   `rooms` is the room of the connection; all times in milliseconds
   */
  constructor({ url, user = "", rooms = [], ...options }) {
    super();
    this.#url = url;
    this.user = user;
    for (const room of rooms) this.rooms.set(room, {});
    this.#options = { ...DEFAULTS, ...options };
    this.#requests = new Requests({ limit: this.#options.queueLimit, patience: this.#options.answerWithin });
    this.#backoff = new Backoff(options);
    this.#liveness = new Liveness({
      quiet: this.#options.quiet,
      patience: this.#options.patience,
      ping: () => this.#transmit({ type: "ping", id: newId() }),
      dead: () => this.#lost(this.#socket, NO_CLOSE_FRAME, "The server stopped answering."),
    });
    this.#watchPage();
  }

  /** How many messages wait for the connection. */
  get queued() {
    return this.#requests.waiting;
  }

  /** Connects; at once if it was waiting to. A person may do so earlier than the server asked for. */
  connect() {
    if (this.#socket) return;
    clearTimeout(this.#timer);
    const socket = new WebSocket(this.#address());
    this.#socket = socket;
    const current = (act) => (event) => {
      if (socket === this.#socket) act(event);
    };
    socket.addEventListener("open", current(() => this.#opened()));
    socket.addEventListener("message", current(({ data }) => this.#received(data)));
    socket.addEventListener("close", current(({ code, reason }) => this.#lost(socket, code, reason)));
    this.#timer = setTimeout(() => this.#lost(socket, NO_CLOSE_FRAME, ""), this.#options.connectWithin);
    this.#become("connecting", { attempt: this.#backoff.attempt });
  }

  /** Ends the connection for good. What was not answered is refused. */
  close() {
    this.#page.abort();
    this.#drop(this.#socket);
    this.#requests.end();
    this.#become("closed", { code: 1000, reason: "" });
  }

  /**
   * Sends an event and resolves to the server's answer: the reply of a query, otherwise the ack.
   * @param {object} event an `id` is added where it has none
   * @param {{keep?: boolean}} [options] `keep`: without a connection the event waits for one, and it is sent
   *   again with the same id (which the server knows to be the same event) when the answer was lost
   */
  send(event, { keep = false } = {}) {
    const transmit = this.state === "open" ? this.#transmit : null;
    return this.#requests.add({ ...event, id: event.id ?? newId() }, { keep, transmit });
  }

  message(room, content, id = newId()) {
    return this.send({ type: "message", room, content, id }, { keep: true });
  }

  private(to, content, id = newId()) {
    return this.send({ type: "private", to, content, id }, { keep: true });
  }

  presence(room) {
    return this.send({ type: "presence", room });
  }

  async join(room) {
    const answer = await this.send({ type: "join", room, ...this.#resumption(room) });
    if (!this.rooms.has(room)) this.rooms.set(room, {});
    return answer;
  }

  async leave(room) {
    this.rooms.delete(room);
    return this.state === "open" ? this.send({ type: "leave", room }) : null;
  }

  #address() {
    const [first] = this.rooms.keys();
    const address = new URL(first === undefined ? this.#url : `${this.#url}/${encodeURIComponent(first)}`);
    if (this.user) address.searchParams.set("user", this.user);
    for (const [key, value] of Object.entries(this.#resumption(first))) address.searchParams.set(key, value);
    return address;
  }

  #resumption(room) {
    const { epoch, seq } = this.rooms.get(room) ?? {};
    return epoch === undefined || seq === undefined ? {} : { epoch, since: seq };
  }

  #opened() {
    clearTimeout(this.#timer);
    this.#retryAfter = 0;
    this.#stableTimer = setTimeout(() => this.#backoff.reset(), this.#options.stableAfter);
    this.#liveness.start();
    this.state = "open";
    for (const room of [...this.rooms.keys()].slice(1)) this.#rejoin(room);
    this.#requests.flush(this.#transmit);
    this.#become("open", { attempt: this.#backoff.attempt });
  }

  async #rejoin(room) {
    try {
      await this.join(room);
    } catch (error) {
      if (this.state !== "open" || !this.rooms.has(room)) return;
      if (error.retryable) {
        setTimeout(() => this.rooms.has(room) && this.#rejoin(room), (error.retryAfter ?? 5) * 1000);
      } else {
        this.rooms.delete(room);
        this.#tell("roomlost", { room, error });
      }
    }
  }

  #transmit = (event) => {
    this.#socket?.send(JSON.stringify(event));
  };

  #received(data) {
    this.#liveness.heard();
    let event;
    try {
      event = JSON.parse(data);
    } catch {
      return;
    }
    if (event.type === "ping") this.#transmit({ type: "pong", id: event.id, timestamp: event.timestamp });
    if (event.type === "system") this.#noteSystem(event);
    this.#notePlace(event);
    this.#tell("event", event);
    this.#requests.settle(event);
  }

  #noteSystem(event) {
    const mine = event.user === this.user;
    if (event.event === "draining") this.#retryAfter = (event.retry_after ?? 0) * 1000;
    else if (event.event === "welcome") {
      this.user = event.user ?? this.user;
      if (event.room && this.rooms.size === 0) this.rooms.set(event.room, {});
    } else if (event.event === "joined" && mine && !this.rooms.has(event.room)) this.rooms.set(event.room, {});
    else if (event.event === "left" && mine && event.reason === "kicked") this.rooms.delete(event.room);
  }

  /** Keeps the place in a room's sequence from which the next connection resumes. */
  #notePlace(event) {
    const place = this.rooms.get(event.room);
    if (!place || event.seq === undefined || event.type === "ack") return;
    place.epoch = event.epoch ?? place.epoch;
    // What was missed follows a recovered entry: only when it has come is this the place.
    if (event.recovered !== true) place.seq = event.seq;
  }

  #lost(socket, code, reason) {
    if (socket !== this.#socket) return;
    this.#drop(socket);
    this.#requests.interrupt();
    if (FINAL_CLOSE_CODES.has(code)) {
      this.#become("closed", { code, reason });
      return;
    }
    const asked = code === 1012 ? this.#retryAfter : 0;
    const delay = this.#backoff.next(asked);
    this.#notBefore = Date.now() + asked;
    this.#timer = setTimeout(() => this.connect(), delay);
    this.#become("waiting", { attempt: this.#backoff.attempt, delay, until: Date.now() + delay, code, reason });
  }

  #drop(socket) {
    this.#socket = null;
    clearTimeout(this.#timer);
    clearTimeout(this.#stableTimer);
    this.#liveness.stop();
    socket?.close();
  }

  /** A page that wakes up or finds a network tries at once, but not before the time the server asked for. */
  #watchPage() {
    if (typeof window === "undefined") return;
    const { signal } = this.#page;
    const probe = () => this.state === "open" && this.#liveness.probe();
    const awake = () => {
      if (this.state === "waiting" && Date.now() >= this.#notBefore) this.connect();
      else probe();
    };
    window.addEventListener("online", awake, { signal });
    window.addEventListener("offline", probe, { signal });
    document.addEventListener("visibilitychange", () => !document.hidden && awake(), { signal });
  }

  #become(state, detail) {
    this.state = state;
    this.#tell("state", { state, ...detail });
  }

  #tell(type, detail) {
    this.dispatchEvent(new CustomEvent(type, { detail }));
  }
}
