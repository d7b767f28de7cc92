import { Liveness } from "./liveness.js";
import { Place } from "./place.js";
import { Backoff, FINAL_CLOSE_CODES } from "./reconnect.js";
import { Requests, newId } from "./requests.js";

export { HubbubError, newId } from "./requests.js";

const FORMAT = "hubbub.v1.json";
const NO_CLOSE_FRAME = 1006;
const DEFAULTS = {
  queueLimit: 50,
  answerWithin: 20_000,
  // The server knows an id again for five minutes, unless it is configured otherwise.
  resendWithin: 240_000,
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
 * (`delay` in milliseconds, `until` on the clock of `Date.now()`); `entered` with the `joined` event of a room that
 * this connection has entered; `event` with every other event received; and `roomlost` with `{room, error}` when a
 * room could not be entered again.
 * `send`, `join` and the like return promises of the server's answer; they reject with HubbubError.
 * After a lost connection it comes back by itself, resumes its rooms and sends what is waiting.
 */
export class HubbubClient extends EventTarget {
  /** The rooms this client is in, each with the place from which it can be resumed. */
  rooms = new Map();
  state = "idle";
  user;
  #url;
  #credentials;
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
   * @param {{url: string, user?: string, rooms?: string[], places?: Map<string, Place>,
   *   credentials?: (user: string) => {query?: Record<string, string>, protocols?: string[]}, queueLimit?: number,
   *   answerWithin?: number, resendWithin?: number, connectWithin?: number, stableAfter?: number, quiet?: number,
   *   patience?: number, base?: number, ceiling?: number, random?: () => number}} options `url` without the room;
   *   the first of `rooms` is the room of the connection; `places` are those of an earlier client;
   *   `credentials` are asked for at each connect; all times in milliseconds
   */
  constructor({ url, user = "", rooms = [], places = new Map(), credentials = () => ({}), ...options }) {
    super();
    this.#url = url;
    this.user = user;
    this.#credentials = credentials;
    for (const room of rooms) this.#place(room, places.get(room));
    this.#options = { ...DEFAULTS, ...options };
    this.#requests = new Requests({
      limit: this.#options.queueLimit,
      patience: this.#options.answerWithin,
      window: this.#options.resendWithin,
      canSend: (event) => this.state === "open" && (event.type !== "message" || this.#isEntered(event.room)),
      transmit: (event) => this.#transmit(event),
    });
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
    const { query = {}, protocols = [] } = this.#credentials(this.user);
    const socket = new WebSocket(this.#address(query), [FORMAT, ...protocols]);
    this.#socket = socket;
    const current = (act) => (event) => {
      if (socket === this.#socket) act(event);
    };
    socket.addEventListener("open", current(() => this.#liveness.start()));
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
   * @param {{keep?: boolean, sentAt?: number}} [options] `keep`: without a connection the event waits for one, and
   *   it is sent again with the same id, which the server knows, when the answer was lost; `sentAt`: when it was
   *   sent already
   */
  send(event, { keep = false, sentAt } = {}) {
    return this.#requests.add({ ...event, id: event.id ?? newId() }, { keep, sentAt });
  }

  message(room, content, id = newId(), sentAt = undefined) {
    return this.send({ type: "message", room, content, id }, { keep: true, sentAt });
  }

  private(to, content, id = newId(), sentAt = undefined) {
    return this.send({ type: "private", to, content, id }, { keep: true, sentAt });
  }

  /** When the event with this id was sent, while it is not answered. */
  sentAt(id) {
    return this.#requests.sentAt(id);
  }

  presence(room) {
    return this.send({ type: "presence", room });
  }

  /** A page of a room's record: the newest events, or those before a `seq`. */
  history(room, { limit, before } = {}) {
    return this.send({ type: "history", room, limit, before });
  }

  /** New credentials for the connection, which stays open. */
  refresh(token) {
    return this.send({ type: "refresh", token });
  }

  async join(room) {
    const answer = await this.send({ type: "join", room, ...this.rooms.get(room)?.resumption });
    this.#place(room);
    return answer;
  }

  async leave(room) {
    this.#forget(room, { code: "left", message: "You have left the room." });
    return this.state === "open" ? this.send({ type: "leave", room }) : null;
  }

  #place(room, place = new Place()) {
    if (!this.rooms.has(room)) this.rooms.set(room, place);
    return this.rooms.get(room);
  }

  #isEntered(room) {
    return this.rooms.get(room)?.isEntered ?? false;
  }

  #forget(room, error) {
    this.rooms.delete(room);
    this.#requests.dropRoom(room, error);
  }

  #address(query) {
    const [first] = this.rooms.keys();
    const address = new URL(first === undefined ? this.#url : `${this.#url}/${encodeURIComponent(first)}`);
    const user = this.user ? { user: this.user } : {};
    const parameters = { ...user, ...query, ...this.rooms.get(first)?.resumption };
    for (const [key, value] of Object.entries(parameters)) address.searchParams.set(key, value);
    return address;
  }

  #opened() {
    clearTimeout(this.#timer);
    this.#retryAfter = 0;
    this.#stableTimer = setTimeout(() => this.#backoff.reset(), this.#options.stableAfter);
    this.state = "open";
    for (const room of [...this.rooms.keys()].slice(1)) this.#rejoin(room);
    this.#requests.flush();
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
        this.#forget(room, error);
        this.#tell("roomlost", { room, error });
      }
    }
  }

  #transmit(event) {
    this.#socket?.send(JSON.stringify(event));
  }

  #received(data) {
    this.#liveness.heard();
    const socket = this.#socket;
    let event;
    try {
      event = JSON.parse(data);
    } catch {
      return;
    }
    if (event.type === "ping") this.#transmit({ type: "pong", id: event.id, timestamp: event.timestamp });
    const news = event.type === "system" ? event.event : undefined;
    if (news !== undefined) this.#noteSystem(event);
    else if (event.type !== "ack" && event.seq !== undefined) this.rooms.get(event.room)?.passed(event.seq);
    // In a large room one may find oneself among those who are told about, once more.
    const isEntry = news === "joined" && event.user === this.user && !this.#isEntered(event.room);
    if (isEntry) this.#place(event.room).entered(event);
    this.#tell(isEntry ? "entered" : "event", event);
    // Whoever listens may have closed this client.
    if (socket !== this.#socket) return;
    this.#requests.settle(event);
    if (news === "welcome") this.#opened();
    else if (isEntry) this.#requests.flush();
  }

  #noteSystem(event) {
    if (event.event === "draining") this.#retryAfter = (event.retry_after ?? 0) * 1000;
    else if (event.event === "welcome") {
      this.user = event.user ?? this.user;
      if (event.room && this.rooms.size === 0) this.#place(event.room);
    } else if (event.event === "left" && event.user === this.user && event.reason === "kicked") {
      this.#forget(event.room, { code: "kicked", message: "You were removed from the room." });
    }
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
    for (const place of this.rooms.values()) place.isEntered = false;
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
