import { Amendments, isAmendment } from "./amendments.js";

/** The most lines kept of a conversation: a page that stays open for a month stays as light as a new one. */
export const KEPT_LINES = 500;
/** While somebody reads further up, nothing is to vanish there. */
const MOST_LINES = 2500;

const BY_NAME = new Intl.Collator().compare;

/**
 * What was said in one room, or with one person in private. Knows nothing of how it is shown.
 *
 * A line is a message, a note that nobody said, or a hole: a place where messages are missing that the room's
 * record may have. Each has a `number` of its own. Messages and holes that belong to a record stand in its order,
 * wherever they came from; notes stay beside what they were written beside.
 */
export class Conversation {
  lines = [];
  /** Messages of our own that the server has not published yet, by id. */
  outgoing = new Map();
  unread = 0;
  draft = "";
  /** The message that is being edited, and its words to be: `{line, text}`. */
  editing = null;
  /** The names of those online, in a large room of some; null while unknown, which `peopleNote` may explain. */
  people = null;
  /** How many are online, by the last that the server said. */
  online = 0;
  peopleNote = "";
  /** The names of those who are typing. */
  typists = new Set();
  /** How far people have read, by name, as far as it is told. */
  readers = new Map();
  /** Whether a person reads what stands further up. */
  isReadBack = false;
  /** Which record of the room this is, and how far it was followed; undefined where nothing is recorded. */
  #epoch;
  #seq;
  #isRecorded = false;
  #amendments = new Amendments();
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

  /**
   * Notes where the room's record stands, for somebody who enters it (again).
   * @returns {{isRecorded: boolean, missed: number | null, hole: object | null}} how many events were missed, null
   *   where nobody can know; and what `addHole` takes where something is missing that the record may have
   */
  enter({ epoch, seq, recovered }) {
    const [epochBefore, seqBefore] = [this.#epoch, this.#seq];
    this.#isRecorded = epoch !== undefined;
    if (epoch === undefined) return { isRecorded: false, missed: null, hole: null };
    this.#epoch = epoch;
    if (recovered === true) return { isRecorded: true, missed: seq - (seqBefore ?? seq), hole: null };
    this.#seq = seq;
    const isSame = epoch === epochBefore;
    if (!isSame) this.readers.clear();
    const after = isSame ? seqBefore : 0;
    const reason = isSame ? "missed" : epochBefore === undefined ? "older" : "unknown";
    const hole = seq > after ? { reason, after, before: seq + 1 } : null;
    return { isRecorded: true, missed: isSame ? Math.max(0, seq - seqBefore) : null, hole };
  }

  /** Notes that an event of the record went by, whether or not it is one to show. */
  passed(seq) {
    // What cannot be loaded beyond the next event cannot be loaded twice.
    for (const line of this.lines) if (line.kind === "hole") line.before ??= seq;
    this.#seq = Math.max(seq, this.#seq ?? seq);
  }

  addMessage(event, mine) {
    const { id, seq } = event;
    // Only our own messages carry their id, and one that was resumed may have been added before.
    if (mine && id !== undefined) {
      this.outgoing.delete(id);
      if (this.lines.some((line) => line.id === id)) return;
    }
    const known = this.#find(seq);
    if (known && isSame(known, event)) return;
    // The same number for something else: the record was begun anew, under a name that we shall hear later.
    if (known) this.#epoch = null;
    const line = this.#message(event, mine);
    if (known || seq === undefined || seq >= (this.#seq ?? 0)) this.#add(line);
    else this.#insert(line);
  }

  /** Adds a message of our own that did not come back to us, by its ack. */
  addConfirmed({ id, content }, user, { timestamp, seq }) {
    this.outgoing.delete(id);
    if (this.#find(seq) || this.lines.some((line) => line.id === id)) return;
    const line = { ...this.#message({ id, user, content, timestamp, seq }, true), isConfirmed: true };
    if (seq === undefined) this.#add(line);
    else this.#insert(line);
  }

  /** Takes in an edit, a deletion or a reaction of the room's record, whether its message is on the page or not. */
  amend(event, epoch = this.#epoch) {
    if (event.seq === undefined) return;
    this.#amendments.note(event, epoch);
    const line = this.#find(event.of, epoch);
    if (line) line.amended = this.#amendments.get(epoch, event.of);
  }

  /** Whether a line is a message that the server still knows by its number. */
  isAmendable(line) {
    return this.#isRecorded && line.kind === "message" && line.seq !== undefined && line.epoch === this.#epoch;
  }

  /** The number of the newest message that the server knows; undefined where there is none. */
  get newest() {
    return this.#newestMessage?.seq;
  }

  /** Who has read the newest message, but for who said it. */
  get readersOfAll() {
    const message = this.#newestMessage;
    if (!message) return [];
    return [...this.readers].filter(([user, seq]) => seq >= message.seq && user !== message.user).map(([user]) => user);
  }

  get #newestMessage() {
    return this.lines.findLast((line) => this.isAmendable(line));
  }

  /** A quiet line that nobody said. `tone` marks what deserves attention: "announcement" or "loss". */
  addNote(text, timestamp = new Date().toISOString(), tone = "") {
    return this.#add({ kind: "note", text, timestamp, tone });
  }

  addHole(hole) {
    return this.#add({ ...this.#newHole(), ...hole });
  }

  /** Marks what the server has dropped; returns the hole, or null where there is no record to fill it from. */
  addGap({ reason, lost, from, to }) {
    if (this.#epoch === undefined) return null;
    const after = from === undefined ? (this.#seq ?? 0) : from - 1;
    const before = to === undefined ? undefined : to + 1;
    return this.addHole({ reason: "gap", why: reason, lost, after, before });
  }

  /**
   * Fills a hole, from its end, with a page of the room's record.
   * @returns {number} how many messages were added
   */
  fill(hole, { events, epoch, first, more }, isMine) {
    if (!this.lines.includes(hole)) return 0;
    if (epoch !== hole.epoch) {
      this.#replace(hole, "What is missing here is no longer kept.");
      return 0;
    }
    const inside = events.filter(({ seq }) => seq > hole.after && !(seq >= hole.before));
    const fresh = inside.filter(({ type, seq }) => type === "message" && !this.#find(seq, epoch));
    for (const event of events.filter(isAmendment)) this.amend(event, epoch);
    for (const event of fresh) this.#insert({ ...this.#message(event, isMine(event), epoch), isOld: true });
    hole.before = first;
    hole.found += fresh.length;
    if (more && first > hole.after + 1) return fresh.length;
    if (hole.reason === "older") this.#replace(hole);
    else if (first > hole.after + 1) this.#replace(hole, "What is missing here is no longer kept.");
    else this.#replace(hole, hole.found ? "" : "No message was missed here.");
    return fresh.length;
  }

  /** Gives up a hole that cannot be filled, with a note of why. */
  giveUp(hole, why) {
    this.#replace(hole, why);
  }

  /** Lets go of the oldest lines where there are too many; the record may still have them. */
  trim() {
    const most = this.isReadBack ? MOST_LINES : KEPT_LINES;
    const count = this.lines.filter((line) => line.kind !== "hole").length;
    if (count <= most) return;
    const gone = this.lines.splice(0, this.lines.length - most);
    const oldest = this.lines.findIndex((line) => line.seq !== undefined);
    const { epoch, seq } = this.lines[oldest] ?? {};
    if (oldest < 0 || epoch !== this.#epoch || !gone.some((line) => line.epoch === epoch)) return;
    const hole = { ...this.#newHole(), reason: "older", after: 0, before: seq, number: this.#next++ };
    this.lines = [hole, ...this.lines.filter((line, place) => line.kind !== "hole" || place > oldest)];
  }

  #message({ user, content, timestamp, id, seq }, mine, epoch = this.#epoch) {
    if (seq === undefined) return { kind: "message", user, content, timestamp, id, mine };
    const amended = this.#amendments.get(epoch, seq);
    return { kind: "message", user, content, timestamp, id, mine, seq, epoch, amended };
  }

  #newHole() {
    return { kind: "hole", epoch: this.#epoch, state: "idle", error: "", retryAt: 0, found: 0 };
  }

  #add(line) {
    line.number = this.#next++;
    this.lines.push(line);
    this.trim();
    return line;
  }

  /** Puts a line of the record where it belongs. */
  #insert(line) {
    const place = this.lines.findLastIndex((other) => other.epoch === line.epoch && order(other) < order(line));
    line.number = this.#next++;
    this.lines.splice(place + 1, 0, line);
  }

  #replace(line, text) {
    const place = this.lines.indexOf(line);
    if (place < 0) return;
    const note = { kind: "note", text, timestamp: "", tone: "loss", number: this.#next++ };
    this.lines.splice(place, 1, ...(text ? [note] : []));
  }

  #find(seq, epoch = this.#epoch) {
    if (seq === undefined) return undefined;
    return this.lines.findLast((line) => line.seq === seq && line.epoch === epoch);
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

/** Where a line stands in its record; NaN for one that belongs to none. */
function order(line) {
  return line.kind === "hole" ? line.after + 0.5 : (line.seq ?? NaN);
}

function isSame(line, { user, content, timestamp }) {
  if (line.user !== user) return false;
  return line.isConfirmed ? JSON.stringify(line.content) === JSON.stringify(content) : line.timestamp === timestamp;
}

/** Whether a line goes on what the same person said just before. */
export function continues(line, before) {
  if (line.kind !== "message" || before?.kind !== "message" || before.user !== line.user) return false;
  return Date.parse(line.timestamp) - Date.parse(before.timestamp) < 5 * 60_000;
}
