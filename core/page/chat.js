import { Backfill } from "./backfill.js";
import { HubbubClient } from "./client.js";
import { Conversations } from "./conversations.js";
import { Extras } from "./extras.js";
import { Outbox } from "./outbox.js";
import { Presence } from "./presence.js";
import { FORBIDDEN, isRefusedName } from "./refusals.js";
import { moment, span } from "./times.js";

/** With more people than this, who comes and goes would drown what is said: the list alone tells it. */
const CROWD = 50;

/**
 * The conversations of one person, kept in step with the server. Knows nothing of the page; it calls
 * `changed(conversation)` when one has changed, `notice(text, retryAfter)` with what a person should read
 * now, `state(detail)` as HubbubClient tells it, `welcomed(event)` each time the server lets us in, and
 * `forgotten()` when all conversations are gone because they were another person's.
 */
export class Chat {
  conversations = new Conversations();
  connection = { state: "idle" };
  /** What can be done beside saying something. */
  extras;
  /** When our credentials expire, on the clock of `Date.now()`; null: never. */
  expires = null;
  #url;
  #credentials;
  #listener;
  #client = null;
  #outbox;
  #presence;
  #backfill;
  #lostAt = null;
  #welcomed = false;
  /** Whom the server vouches for, and whose the conversations are; null for a guest. */
  #member;

  /** @param {string} url @param {{credentials: object, listener: object, member: string | null}} parts */
  constructor(url, { credentials, listener, member }) {
    this.#url = url;
    this.#member = member;
    this.#credentials = credentials;
    this.#listener = listener;
    const { changed } = listener;
    this.#outbox = new Outbox({ client: () => this.#client, changed });
    this.extras = new Extras({ client: () => this.#client, changed: (each = this.conversations.current) => changed(each) });
    this.#presence = new Presence({ ask: (room) => this.#client.presence(room), changed });
    this.#backfill = new Backfill({ ask: (room, query) => this.#client.history(room, query), changed });
  }

  get me() {
    return this.#client?.user ?? "";
  }

  /** Whether the server vouches for who we are. */
  get isMember() {
    return this.#member !== null;
  }

  get queued() {
    return this.#client?.queued ?? 0;
  }

  get connected() {
    return this.connection.state === "open";
  }

  /** Connects as `user` ("" for a guest), in place of whoever was connected. */
  start(user, rooms) {
    const before = this.#client;
    const credentials = (name) => this.#credentials.show(name);
    const client = new HubbubClient({ url: this.#url, user, rooms, places: before?.rooms, credentials });
    this.#client = client;
    this.#lostAt = null;
    this.#welcomed = false;
    before?.close();
    const listen = (type, act) => client.addEventListener(type, ({ detail }) => client === this.#client && act(detail));
    listen("state", (detail) => this.#changeState(detail));
    listen("entered", (event) => this.#entered(event));
    listen("event", (event) => this.#receive(event));
    listen("roomlost", ({ room, error }) => this.#loseRoom(room, `The room ${room} could not be entered. ${error.message}`));
    client.connect();
  }

  /** Forgets everything, and starts anew as whoever the credentials are for. */
  startOver(rooms) {
    this.conversations.clear();
    this.#client?.rooms.clear();
    this.#member = null;
    this.#listener.forgotten();
    this.start("", rooms);
  }

  /** Tries now. */
  connect() {
    this.#client?.connect();
  }

  /** Renews the credentials of this connection. */
  refresh(token) {
    return this.#client.refresh(token);
  }

  write(conversation, content) {
    this.#outbox.write(conversation, content);
  }

  retry(conversation, message) {
    this.#outbox.retry(conversation, message);
  }

  discard(conversation, message) {
    this.#outbox.discard(conversation, message);
  }

  /** What is on its way, by conversation, to be restored when the page is loaded again. */
  saveOutgoing() {
    const unfinished = this.conversations.all().filter(({ outgoing }) => outgoing.size);
    return unfinished.map((each) => ({ kind: each.kind, name: each.name, messages: this.#outbox.save(each) }));
  }

  restoreOutgoing(saved) {
    for (const { kind, name, messages } of saved) this.#outbox.restore(this.conversations.open(kind, name), messages);
  }

  /** Loads what is missing in a conversation. */
  fill(conversation, hole, isWanted = true) {
    return this.#backfill.fill(conversation, hole, (event) => event.user === this.me, isWanted);
  }

  /** Enters a room, and resolves to its conversation. Rejects with the server's reason. */
  async join(room) {
    const known = this.conversations.find("room", room);
    if (known) return known;
    await this.#client.join(room);
    return this.conversations.open("room", room);
  }

  /** Leaves a room, or closes a private conversation. */
  leave(conversation) {
    // Whatever the server answers, for us the room is left.
    if (conversation.kind === "room") this.#client.leave(conversation.name).catch(() => {});
    this.conversations.close(conversation);
    this.#listener.changed(conversation);
  }

  #changeState(detail) {
    if (this.connected && detail.state !== "open") {
      this.#lostAt = Date.now();
      this.extras.lost(this.conversations.all());
    }
    this.connection = detail;
    if (this.connected) this.extras.learn();
    const [room] = this.#client.rooms.keys();
    const isRoom = detail.code === FORBIDDEN && !isRefusedName(detail);
    if (isRoom && !this.#welcomed && room !== undefined) this.#startWithout(room, detail.reason);
    else this.#listener.state(detail);
  }

  /** The room in the address may be what was refused: one room less must not cost the whole visit. */
  #startWithout(room, why) {
    this.#listener.notice(why);
    this.conversations.close(this.conversations.open("room", room));
    this.start(this.me, [...this.#client.rooms.keys()].slice(1));
  }

  #receive(event) {
    if (event.type === "system") this.#receiveSystem(event);
    else if (event.type === "private") {
      const other = event.user === this.me ? event.to : event.user;
      this.#addMessage(this.conversations.open("private", other), event);
    } else if (event.type === "error" && event.id === undefined) this.#listener.notice(event.message, event.retry_after);
    else {
      const conversation = this.conversations.find("room", event.room);
      if (event.seq !== undefined && event.type !== "ack") conversation?.passed(event.seq);
      if (event.type === "message") this.#addMessage(conversation, event);
      else if (event.type === "gap") this.#noteGap(conversation, event);
      else if (conversation) this.extras.receive(conversation, event);
    }
  }

  #addMessage(conversation, event) {
    if (!conversation) return;
    const mine = event.user === this.me;
    conversation.addMessage(event, mine);
    this.extras.said(conversation, event.user);
    if (!mine) conversation.unread += 1;
    this.#listener.changed(conversation);
  }

  #receiveSystem(event) {
    const { message, timestamp, room } = event;
    if (event.event === "welcome") this.#welcome(event);
    else if (event.event === "joined" || event.event === "left") this.#noteMember(event);
    else if (event.event === "refreshed") this.#refreshed(event);
    else if (typeof message === "string") this.#announce(message, timestamp, room);
  }

  #announce(message, timestamp, room) {
    const conversation = this.conversations.find("room", room) ?? this.conversations.current;
    conversation?.addNote(message, timestamp, "announcement");
    if (conversation) this.#listener.changed(conversation);
  }

  #welcome(event) {
    const { room, user, guest_key: guestKey, expires } = event;
    this.#welcomed = true;
    this.#credentials.welcomed(event);
    this.extras.welcomed(event);
    this.expires = expires === undefined ? null : Date.parse(expires);
    const member = guestKey === undefined ? user : null;
    if (this.#member !== null && this.#member !== member) {
      // What one has read, the next one at this screen must not.
      this.startOver(room === undefined ? [] : [room]);
      return;
    }
    this.#member = member;
    if (room !== undefined) this.#listener.changed(this.conversations.open("room", room));
    this.#listener.welcomed(event);
  }

  #refreshed({ expires, timestamp }) {
    this.expires = expires === undefined ? null : Date.parse(expires);
    const until = this.expires === null ? "" : ` They are good until ${moment(this.expires)}.`;
    this.#announce(`Your credentials are renewed.${until}`, timestamp);
    this.#listener.state(this.connection);
  }

  #entered(event) {
    const { room, message, timestamp } = event;
    const known = this.conversations.find("room", room);
    const conversation = known ?? this.conversations.open("room", room);
    const { isRecorded, missed, hole } = conversation.enter(event);
    if (known && this.#lostAt !== null) {
      const outcome = hole ? "" : !isRecorded || missed === null ? "Anything said meanwhile is missing here."
        : missed === 0 ? "Nothing was missed." : "This was said meanwhile:";
      conversation.addNote(`Connected again after ${span(Date.now() - this.#lostAt)}. ${outcome}`.trim(), timestamp);
    }
    const marked = hole && conversation.addHole(hole);
    if (!known || this.#lostAt === null) conversation.addNote(message, timestamp);
    if (hole?.reason === "older") this.fill(conversation, marked, false);
    this.#presence.refresh(conversation);
    this.#listener.changed(conversation);
  }

  #noteMember(event) {
    const { event: what, user, room, message, timestamp, reason } = event;
    const conversation = this.conversations.find("room", room);
    if (!conversation) return;
    if (what === "left" && user === this.me) {
      if (reason === "kicked") this.#loseRoom(room, `You were removed from the room ${room}.`);
      return;
    }
    this.#presence.note(conversation, event);
    if ((conversation.people?.size ?? 0) <= CROWD) conversation.addNote(message, timestamp);
    this.#listener.changed(conversation);
  }

  #noteGap(conversation, gap) {
    if (!conversation) return;
    const lost = gap.lost ?? gap.to - gap.from + 1;
    const isMarked = conversation.addGap({ ...gap, lost });
    if (!isMarked) conversation.addNote(`${lost} event${lost === 1 ? " is" : "s are"} missing here (${gap.reason}).`, undefined, "loss");
    this.#listener.changed(conversation);
  }

  #loseRoom(room, why) {
    const conversation = this.conversations.find("room", room);
    if (!conversation) return;
    // What was not sent stays where it can be copied.
    if (conversation.outgoing.size) conversation.addNote(why, undefined, "loss");
    else this.conversations.close(conversation);
    this.#listener.notice(why);
    this.#listener.changed(conversation);
  }
}
