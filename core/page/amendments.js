/** Messages whose amendments are kept; beyond it, those of the message that was amended longest ago are forgotten. */
const MOST_AMENDED = 5000;
const TYPES = new Set(["edit", "delete", "reaction"]);
const UNTOUCHED = { edit: null, isDeleted: false, deletedBy: "", reactions: new Map() };

/** Whether an event is about an earlier message. */
export function isAmendment({ type }) {
  return TYPES.has(type);
}

/**
 * What has become of the messages of a room: edits, deletions and reactions, also of messages that are not on the
 * page, as they may be loaded later. Of each matter the newest word counts, so the events may come in any order.
 */
export class Amendments {
  #byMessage = new Map();

  /** What has become of a message; undefined for nothing. A new object whenever that changes. */
  get(epoch, seq) {
    return this.#byMessage.get(`${epoch} ${seq}`);
  }

  /** Takes in an amendment of the room's record. */
  note(event, epoch) {
    const key = `${epoch} ${event.of}`;
    const before = this.#byMessage.get(key) ?? UNTOUCHED;
    this.#byMessage.delete(key);
    this.#byMessage.set(key, amend(before, event));
    if (this.#byMessage.size > MOST_AMENDED) this.#byMessage.delete(this.#byMessage.keys().next().value);
  }
}

function amend(before, event) {
  if (before.isDeleted) return before;
  if (event.type === "delete") return { ...UNTOUCHED, isDeleted: true, deletedBy: event.user };
  if (event.type === "reaction") return { ...before, reactions: react(before.reactions, event) };
  return before.edit?.seq > event.seq ? before : { ...before, edit: event };
}

/** By emoji, since when it is known, and the newest word of each user: the `seq` of it, negative for a removal. */
function react(before, { emoji, user, seq, removed = false }) {
  const { since = seq, users = new Map() } = before.get(emoji) ?? {};
  if (Math.abs(users.get(user) ?? 0) < seq) users.set(user, removed ? -seq : seq);
  return new Map(before).set(emoji, { since: Math.min(since, seq), users });
}

/** The reactions of an amended message, those that came first in front: each emoji with the names of its users. */
export function reactionsOf({ reactions }) {
  const present = (users) => [...users].filter(([, seq]) => seq > 0).map(([user]) => user);
  return [...reactions].sort(([, one], [, other]) => one.since - other.since)
    .map(([emoji, { users }]) => ({ emoji, users: present(users) }))
    .filter(({ users }) => users.length > 0);
}
