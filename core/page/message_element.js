import { reactionsOf } from "./amendments.js";
import { button, element, paintAvatar, reconcile } from "./elements.js";
import { timeElement, whole } from "./times.js";

/** So many names are told of those who reacted in one way. */
const MOST_NAMES = 20;
/** What each element shows now: most are not touched when one changes. */
const shown = new WeakMap();

/** A message; `open` is called with it and its button when a person wants to do something with it. */
export function messageElement(line, open) {
  const avatar = element("span", { "aria-hidden": "true" });
  paintAvatar(avatar, line.user);
  const who = element("p", { class: "who" }, element("bdi", { class: "author" }, line.user), " ", timeElement(line.timestamp));
  const more = button({ class: "more", tabindex: "-1", "aria-haspopup": "dialog", hidden: true }, () => open(line, more), "⋯");
  more.ariaLabel = `React or change: message of ${line.user}`;
  const reactions = element("ul", { class: "reactions", "aria-label": "Reactions", "aria-live": "off" });
  const classes = `message${line.mine ? " mine" : ""}`;
  return element("li", { class: classes }, avatar, who, contentElement(line.content), reactions, more);
}

/** A server without the validation plugin may carry any JSON: it is shown as what it is. */
export function contentElement(content) {
  if (typeof content === "string") return element("p", { class: "content", dir: "auto" }, content);
  return element("pre", { class: "content" }, JSON.stringify(content, null, 2));
}

/**
 * Shows what has become of a message.
 * @param {{me: string, rights: Record<"react" | "edit" | "remove", boolean>, isEditing: boolean,
 *   react: (line: object, emoji: string, removed: boolean) => void}} reader who reads it, what they may do with it,
 *   whether they do so now, and what is done when they react
 */
export function updateMessage(item, line, { me, rights, isEditing, react }) {
  const { amended } = line;
  const state = JSON.stringify([me, rights, isEditing]);
  const before = shown.get(item);
  if (before?.amended === amended && before?.state === state) return;
  shown.set(item, { amended, state });
  const mayDoSomething = Object.values(rights).some(Boolean);
  item.classList.toggle("amendable", mayDoSomething);
  item.classList.toggle("chosen", isEditing);
  item.querySelector(".more").hidden = !mayDoSomething;
  if (before?.amended !== amended) item.querySelector(".content").replaceWith(amendedContent(line));
  const toggle = (emoji, removed) => react(line, emoji, removed);
  drawReactions(item.querySelector(".reactions"), amended ? reactionsOf(amended) : [], { me, mayReact: rights.react, toggle });
}

function amendedContent({ user, content, amended }) {
  const { edit, isDeleted, deletedBy } = amended;
  if (isDeleted) {
    const isOwn = !deletedBy || deletedBy === user;
    const text = isOwn ? ["This message was deleted."] : [element("bdi", {}, deletedBy), " deleted this message."];
    return element("p", { class: "content deleted" }, ...text);
  }
  const made = contentElement(edit ? edit.content : content);
  if (!edit) return made;
  const isOwn = !edit.user || edit.user === user;
  const by = isOwn ? "edited" : `edited by ${edit.user}`;
  made.append(" ", element("bdi", { class: "edited", title: whole(edit.timestamp) }, by));
  return made;
}

function drawReactions(list, reactions, { me, mayReact, toggle }) {
  const create = ({ emoji }) => {
    const act = () => toggle(emoji, chip.ariaPressed === "true");
    const parts = [element("bdi", { class: "emoji" }, emoji), " ", element("span", { class: "count" })];
    const chip = button({ class: "chip", tabindex: "-1" }, act, ...parts);
    return element("li", {}, chip);
  };
  reconcile(list, reactions, ({ emoji }) => emoji, create, (item, { users }) => {
    const chip = item.firstElementChild;
    chip.disabled = !mayReact;
    chip.ariaPressed = String(users.includes(me));
    chip.title = names(users);
    chip.lastElementChild.textContent = users.length.toLocaleString();
  });
}

function names(users) {
  const rest = users.length - MOST_NAMES;
  return users.slice(0, MOST_NAMES).join(", ") + (rest > 0 ? ` and ${rest.toLocaleString()} more` : "");
}
