import { byId, element, paintAvatar, reconcile } from "./elements.js";

/** More people than this are counted, not listed: nobody reads further, and a phone must draw it. */
const LISTED_PEOPLE = 300;

/** The rooms, the private conversations and the people: the two panels beside the messages. */
export class ListsView {
  #choose;
  #write;

  /** @param {{choose: (conversation: object) => void, write: (user: string) => void}} actions */
  constructor({ choose, write }) {
    this.#choose = choose;
    this.#write = write;
  }

  showConversations(conversations) {
    const { current } = conversations;
    this.#drawConversations(byId("room-list"), conversations.of("room"), current);
    this.#drawConversations(byId("private-list"), conversations.of("private"), current);
    byId("private-section").hidden = conversations.of("private").length === 0;
    const elsewhere = conversations.unread - (current?.unread ?? 0);
    drawBadge(byId("elsewhere"), elsewhere);
  }

  #drawConversations(list, conversations, current) {
    const create = (conversation) => {
      const open = element("button", { type: "button", class: "entry" },
        element("span", { class: "entry-mark", "aria-hidden": "true" }, conversation.kind === "room" ? "#" : ""),
        element("bdi", { class: "entry-name" }, conversation.name), element("span", { class: "badge", hidden: true }));
      if (conversation.kind === "private") paintAvatar(open.firstElementChild, conversation.name);
      open.addEventListener("click", () => this.#choose(conversation));
      return element("li", {}, open);
    };
    reconcile(list, conversations, (conversation) => conversation.key, create, (item, conversation) => {
      const open = item.firstElementChild;
      if (conversation === current) open.setAttribute("aria-current", "true");
      else open.removeAttribute("aria-current");
      drawBadge(open.lastElementChild, conversation.unread, conversation.failed && conversation !== current);
    });
  }

  showPeople(conversation, me) {
    const known = conversation?.kind === "room" && conversation.people !== null;
    const people = known ? conversation.sortedPeople : [];
    const meFirst = [...people.filter((user) => user === me), ...people.filter((user) => user !== me)];
    byId("people-heading").textContent = conversation?.kind === "private" ? "In private" : "Online";
    const online = known ? conversation.online : 0;
    byId("people-count").textContent = known ? String(online) : "";
    byId("people-toggle").ariaLabel = known ? `People, ${online} online` : "People";
    drawBadge(byId("people-badge"), online);
    byId("people-note").textContent = noteOn(conversation, online - Math.min(people.length, LISTED_PEOPLE));
    reconcile(byId("people-list"), meFirst.slice(0, LISTED_PEOPLE), (user) => `${user} ${user === me}`,
      (user) => this.#person(user, user === me), () => {});
  }

  #person(user, isMe) {
    const avatar = element("span", { "aria-hidden": "true" });
    paintAvatar(avatar, user);
    const name = element("bdi", { class: "entry-name" }, user);
    if (isMe) return element("li", { class: "entry" }, avatar, name, element("span", { class: "quiet" }, "you"));
    const write = element("button", { type: "button", class: "entry", title: `Write to ${user} in private` }, avatar, name);
    write.addEventListener("click", () => this.#write(user));
    return element("li", {}, write);
  }
}

function noteOn(conversation, unlisted) {
  if (!conversation) return "";
  if (conversation.kind === "private") return `Only you and ${conversation.name} can read this.`;
  if (conversation.people !== null && unlisted > 0) return `and ${unlisted} more`;
  return conversation.peopleNote;
}

function drawBadge(badge, count, failed = false) {
  badge.hidden = count === 0 && !failed;
  badge.textContent = failed ? "!" : count > 99 ? "99+" : String(count);
  badge.title = failed ? "A message was not sent" : "";
  badge.classList.toggle("alarm", failed);
}
