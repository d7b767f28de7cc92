import { HubbubClient, newId } from "./client.js";
import { Conversations } from "./conversations.js";
import { span } from "./times.js";

/** How long after its ack a message may take to come back to us, in milliseconds. */
const ECHO_WITHIN = 1500;
/** The close code of a refused name, room or origin. */
const FORBIDDEN = 4003;
/** With more people than this, who comes and goes would drown what is said: the list alone tells it. */
const CROWD = 50;

/**
 * The conversations of one person, kept in step with the server. Knows nothing of the page; it calls
 * `changed(conversation)` when one has changed, `notice(text, retryAfter)` with what a person should read
 * now, and `state(detail)` as HubbubClient tells it.
 */
export class Chat {
  conversations = new Conversations();
  connection = { state: "idle" };
  #url;
  #listener;
  #client = null;
  #lostAt = null;
  #welcomed = false;
  /** The rooms whose entry will say whether anything was missed. */
  #resuming = new Set();
  #refreshing = new Set();

  constructor(url, listener) {
    this.#url = url;
    this.#listener = listener;
  }

  get me() {
    return this.#client?.user ?? "";
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
    const client = new HubbubClient({ url: this.#url, user, rooms });
    this.#client = client;
    this.#lostAt = null;
    this.#welcomed = false;
    before?.close();
    const listen = (type, act) => client.addEventListener(type, ({ detail }) => client === this.#client && act(detail));
    listen("state", (detail) => this.#changeState(detail));
    listen("event", (event) => this.#receive(event));
    listen("roomlost", ({ room, error }) => this.#loseRoom(room, `The room ${room} could not be entered. ${error.message}`));
    client.connect();
  }

  /** Tries now. */
  connect() {
    this.#client?.connect();
  }

  write(conversation, content) {
    this.#deliver(conversation, { id: newId(), content, attempt: 0 });
  }

  retry(conversation, message) {
    this.#deliver(conversation, { ...message, attempt: message.attempt + 1, error: undefined, retryAt: undefined });
  }

  discard(conversation, message) {
    conversation.outgoing.delete(message.id);
    this.#listener.changed(conversation);
  }

  /** Enters a room, and resolves to its conversation. Rejects with the server's reason. */
  async join(room) {
    const known = this.conversations.find("room", room);
    if (known) return known;
    await this.#client.join(room);
    const conversation = this.conversations.open("room", room);
    this.refreshPeople(conversation);
    return conversation;
  }

  /** Leaves a room, or closes a private conversation. */
  leave(conversation) {
    // Whatever the server answers, for us the room is left.
    if (conversation.kind === "room") this.#client.leave(conversation.name).catch(() => {});
    this.conversations.close(conversation);
    this.#listener.changed(conversation);
  }

  async refreshPeople(conversation) {
    if (conversation?.kind !== "room" || !this.connected) return;
    try {
      const { users, online } = await this.#client.presence(conversation.name);
      conversation.replacePeople(users.map(({ user }) => user), online);
    } catch (error) {
      if (error.code === "disconnected") return;
      conversation.peopleNote = error.message;
    }
    this.#listener.changed(conversation);
  }

  /**
   * When many come at once, one question is enough; and not every client asks it at the same moment: the more
   * there are, the less often, so that together they ask about as much in any room.
   */
  #refreshPeopleSoon(conversation) {
    if (this.#refreshing.has(conversation)) return;
    this.#refreshing.add(conversation);
    setTimeout(() => {
      this.#refreshing.delete(conversation);
      this.refreshPeople(conversation);
    }, (1000 + Math.random() * 2000) * Math.max(1, conversation.online / 100));
  }

  async #deliver(conversation, message) {
    const { id, content } = message;
    const { outgoing, name } = conversation;
    outgoing.set(id, message);
    this.#listener.changed(conversation);
    const client = this.#client;
    try {
      const send = conversation.kind === "room" ? client.message(name, content, id) : client.private(name, content, id);
      const { timestamp, duplicate } = await send;
      const settle = () => {
        if (outgoing.get(id) !== message) return;
        conversation.addMessage({ user: client.user, content, timestamp, id }, true);
        this.#listener.changed(conversation);
      };
      // The message itself comes back to us and takes its place; only after a lost connection it may not.
      setTimeout(settle, duplicate ? 0 : ECHO_WITHIN);
    } catch (error) {
      if (outgoing.get(id) !== message) return;
      outgoing.set(id, { ...message, error, retryAt: Date.now() + (error.retryAfter ?? 0) * 1000 });
      this.#listener.changed(conversation);
    }
  }

  #changeState(detail) {
    if (this.connected && detail.state !== "open") this.#lostAt = Date.now();
    this.connection = detail;
    this.#listener.state(detail);
    const [room] = this.#client.rooms.keys();
    if (detail.code === FORBIDDEN && !this.#welcomed && room !== undefined) this.#startWithout(room, detail.reason);
  }

  /** The room in the address may be what was refused: one room less must not cost the whole visit. */
  #startWithout(room, why) {
    this.#listener.notice(why);
    this.conversations.close(this.conversations.open("room", room));
    this.start(this.me, [...this.#client.rooms.keys()].slice(1));
  }

  #receive(event) {
    if (event.type === "message") this.#addMessage(this.conversations.find("room", event.room), event);
    else if (event.type === "private") {
      const other = event.user === this.me ? event.to : event.user;
      this.#addMessage(this.conversations.open("private", other), event);
    } else if (event.type === "system") this.#receiveSystem(event);
    else if (event.type === "gap") this.#noteGap(event);
    else if (event.type === "error" && event.id === undefined) this.#listener.notice(event.message, event.retry_after);
  }

  #addMessage(conversation, event) {
    if (!conversation) return;
    const mine = event.user === this.me;
    conversation.addMessage(event, mine);
    if (!mine) conversation.unread += 1;
    this.#listener.changed(conversation);
  }

  #receiveSystem(event) {
    if (event.event === "welcome") this.#welcome(event);
    else if (event.event === "joined" && event.user === this.me) this.#entered(event);
    else if (event.event === "joined" || event.event === "left") this.#noteMember(event);
    else if (typeof event.message === "string") {
      const conversation = this.conversations.find("room", event.room) ?? this.conversations.current;
      conversation?.addNote(event.message, event.timestamp, "announcement");
      if (conversation) this.#listener.changed(conversation);
    }
  }

  #welcome({ room }) {
    this.#welcomed = true;
    if (room !== undefined) this.#listener.changed(this.conversations.open("room", room));
    for (const conversation of this.conversations.of("room")) {
      if (this.#client.rooms.get(conversation.name)?.epoch !== undefined) this.#resuming.add(conversation.name);
      else if (this.#lostAt !== null) this.#noteReturn(conversation, false);
      this.refreshPeople(conversation);
    }
  }

  #noteReturn(conversation, complete) {
    const outcome = complete ? "Nothing was missed." : "Anything said meanwhile is missing here.";
    conversation.addNote(`Connected again after ${span(Date.now() - this.#lostAt)}. ${outcome}`);
    this.#listener.changed(conversation);
  }

  #entered({ room, message, timestamp, recovered }) {
    const known = this.conversations.find("room", room);
    const conversation = known ?? this.conversations.open("room", room);
    if (this.#resuming.delete(room)) this.#noteReturn(conversation, recovered === true);
    else if (this.#lostAt === null || !known) conversation.addNote(message, timestamp);
    if (!known) this.refreshPeople(conversation);
    this.#listener.changed(conversation);
  }

  /** In a large room several are told of at once: some by name, in `users`, and all in `online`. */
  #noteMember({ event, user, users = [user], room, message, timestamp, online, reason }) {
    const conversation = this.conversations.find("room", room);
    if (!conversation) return;
    if (event === "left" && user === this.me) {
      if (reason === "kicked") this.#loseRoom(room, `You were removed from the room ${room}.`);
      return;
    }
    for (const name of users) {
      if (event === "joined") conversation.addPerson(name);
      else conversation.removePerson(name);
    }
    conversation.online = online;
    const { people } = conversation;
    if ((people?.size ?? 0) <= CROWD) conversation.addNote(message, timestamp);
    if (people && online !== people.size) this.#refreshPeopleSoon(conversation);
    this.#listener.changed(conversation);
  }

  #noteGap({ room, from, to, reason }) {
    const conversation = this.conversations.find("room", room);
    if (!conversation) return;
    const count = Number(to) - Number(from) + 1;
    conversation.addNote(`${count} event${count === 1 ? " is" : "s are"} missing here (${reason}).`, undefined, "loss");
    this.#listener.changed(conversation);
  }

  #loseRoom(room, why) {
    const conversation = this.conversations.find("room", room);
    if (!conversation) return;
    this.conversations.close(conversation);
    this.#listener.notice(why);
    this.#listener.changed(conversation);
  }
}
