/** Who is in which room, kept up by what the server tells and, where that is not enough, by asking it. */
export class Presence {
  #ask;
  #changed;
  #asking = new Set();

  /** @param {{ask: (room: string) => Promise<object>, changed: (conversation: object) => void}} actions */
  constructor({ ask, changed }) {
    this.#ask = ask;
    this.#changed = changed;
  }

  async refresh(conversation) {
    try {
      const { users, online } = await this.#ask(conversation.name);
      conversation.replacePeople(users.map(({ user }) => user), online);
    } catch (error) {
      if (error.code === "disconnected" || error.code === "closed") return;
      conversation.peopleNote = error.message;
    }
    this.#changed(conversation);
  }

  /** In a large room several are told of at once: some by name, in `users`, and all in `online`. */
  note(conversation, { event, user, users = [user], online }) {
    for (const name of users) {
      if (event === "joined") conversation.addPerson(name);
      else conversation.removePerson(name);
    }
    conversation.online = online;
    if (conversation.people && online !== conversation.people.size) this.#refreshSoon(conversation);
  }

  /**
   * When many come at once, one question is enough; and not every client asks it at the same moment: the more
   * there are, the less often, so that together they ask about as much in any room.
   */
  #refreshSoon(conversation) {
    if (this.#asking.has(conversation)) return;
    this.#asking.add(conversation);
    setTimeout(() => {
      this.#asking.delete(conversation);
      this.refresh(conversation);
    }, (1000 + Math.random() * 2000) * Math.max(1, conversation.online / 100));
  }
}
