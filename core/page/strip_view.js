import { byId, element } from "./elements.js";

/** More people than this are counted, not named. */
const NAMED = 3;

/**
 * Says in the strip above the message box that a message is being edited, otherwise who is typing, otherwise who has
 * read all that was said.
 * @param {object | null} conversation @param {{isOffered: boolean, me: string}} reader
 */
export function showStrip(conversation, { isOffered, me }) {
  const isEditing = Boolean(conversation?.editing);
  byId("strip").hidden = !isOffered && !isEditing;
  byId("editing").hidden = !isEditing;
  byId("typing").hidden = isEditing;
  byId("typing").replaceChildren(...(isOffered ? sentence(conversation, me) : []));
}

function sentence(conversation, me) {
  const typists = [...conversation.typists];
  if (typists.length) return [...people(typists), typists.length === 1 ? " is typing…" : " are typing…"];
  const readers = conversation.readersOfAll.filter((user) => user !== me);
  return readers.length ? ["Read by ", ...people(readers)] : [];
}

function people(users) {
  const names = users.slice(0, NAMED).map((user) => element("bdi", {}, user));
  const rest = users.length - NAMED;
  if (rest > 0) names.push(`${rest.toLocaleString()} other${rest === 1 ? "" : "s"}`);
  const last = names.pop();
  const first = names.flatMap((name, place) => (place ? [", ", name] : [name]));
  return first.length ? [...first, " and ", last] : [last];
}
