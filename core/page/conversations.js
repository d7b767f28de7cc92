/** The most lines kept of a conversation: a page that stays open for a month stays as light as a new one. */
export const KEPT_LINES = 500;

const BY_NAME = new Intl.Collator().compare;

/** What was said in one room, or with one person in private. Knows nothing of how it is shown. */
export class Conversation {
  /** The newest lines; each has a `number` that grows by one. */
  lines = [];
  /** Messages of our own that the server has not published yet, by id. */
  outgoing = new Map();
  unread = 0;
  draft = "";
  /** The names of those online, in a large room of some; null while unknown, which `peopleNote` may explain. */
  people = null;
  /** How many are online, by the last that the server said. */
  online = 0;
  peopleNote = "";
  #next = 0;
  #sorted = null;

  /** @param {"room" | "private"} kind @param {string} name the room, or the other person */
  constructor(kind, name) {
    this.kind = kind;
    this.name = name;
  }

  get key() {
    return `${this.kind}:${this.name}`;
  }

  get failed() {
    return Array.from(this.outgoing.values()).some((message) => message.error);
  }

  addMessage({ user, content, timestamp, id }, mine) {
    // Only our own messages carry their id, and one that was resumed may have been added before.
    if (mine && id !== undefined) {
      this.outgoing.delete(id);
      if (this.lines.some((line) => line.id === id)) return;
    }
    this.#add({ kind: "message", user, content, timestamp, mine, id });
  }

  /** A quiet line that nobody said. `tone` marks what deserves attention: "announcement" or "loss". */
  addNote(text, timestamp = new Date().toISOString(), tone = "") {
    this.#add({ kind: "note", text, timestamp, tone });
  }

  #add(line) {
    const before = this.lines.at(-1);
    this.lines.push({ ...line, number: this.#next++, continued: continues(line, before) });
    if (this.lines.length > KEPT_LINES) this.lines.shift();
  }

  /** Everyone online, by name. Sorted only when someone came or went: a room may hold thousands. */
  get sortedPeople() {
    this.#sorted ??= [...(this.people ?? [])].sort(BY_NAME);
    return this.#sorted;
  }

  replacePeople(names, online) {
    this.people = new Set(names);
    this.online = online;
    this.peopleNote = "";
    this.#sorted = null;
  }

  addPerson(name) {
    this.people?.add(name);
    this.#sorted = null;
  }

  removePerson(name) {
    this.people?.delete(name);
    this.#sorted = null;
  }
}

function continues(line, before) {
  if (line.kind !== "message" || before?.kind !== "message" || before.user !== line.user) return false;
  return Date.parse(line.timestamp) - Date.parse(before.timestamp) < 5 * 60_000;
}

/** All conversations, in the order in which they were begun, and the one on screen. */
export class Conversations {
  current = null;
  #all = new Map();

  find(kind, name) {
    return this.#all.get(`${kind}:${name}`);
  }

  open(kind, name) {
    const conversation = this.find(kind, name) ?? new Conversation(kind, name);
    this.#all.set(conversation.key, conversation);
    this.current ??= conversation;
    return conversation;
  }

  /** Forgets a conversation; the nearest other one becomes the current one. */
  close(conversation) {
    const keys = [...this.#all.keys()];
    const place = keys.indexOf(conversation.key);
    this.#all.delete(conversation.key);
    if (this.current === conversation) this.current = this.#all.get(keys[place - 1] ?? keys[place + 1]) ?? null;
  }

  of(kind) {
    return Array.from(this.#all.values()).filter((conversation) => conversation.kind === kind);
  }

  all() {
    return [...this.#all.values()];
  }

  get unread() {
    return this.all().reduce((sum, conversation) => sum + conversation.unread, 0);
  }
}
