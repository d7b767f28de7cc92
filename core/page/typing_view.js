import { byId, element } from "./elements.js";

/** More people than this are counted, not named. */
const NAMED = 3;

/** Says in the strip above the message box who is typing, or that a message is being edited. */
export function showStrip(conversation, hasTyping) {
  const isEditing = Boolean(conversation?.editing);
  byId("strip").hidden = !hasTyping && !isEditing;
  byId("editing").hidden = !isEditing;
  byId("typing").hidden = isEditing;
  byId("typing").replaceChildren(...(hasTyping ? sentence([...conversation.typists]) : []));
}

function sentence(users) {
  const names = users.slice(0, NAMED).map((user) => element("bdi", {}, user));
  const rest = users.length - NAMED;
  if (rest > 0) names.push(`${rest} other${rest === 1 ? "" : "s"}`);
  const last = names.pop();
  if (last === undefined) return [];
  const first = names.flatMap((name, place) => (place ? [", ", name] : [name]));
  return [...first, first.length ? " and " : "", last, users.length === 1 ? " is typing…" : " are typing…"];
}
