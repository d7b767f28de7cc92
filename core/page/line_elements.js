import { button, element } from "./elements.js";
import { messageElement } from "./message_element.js";
import { span, timeElement } from "./times.js";

const HOLE_TEXTS = {
  older: () => "",
  missed: ({ before, after }) => plural(before - after - 1, "message was", "messages were", "missed here."),
  unknown: () => "Messages may have been missed here.",
  gap: ({ lost, why }) => plural(lost, "event is", "events are", `missing here (${why}).`),
};

/**
 * A line of a conversation.
 * @param {{fill: (hole: object) => void, open: (line: object, opener: Element) => void}} actions what a person
 *   wants: to have a hole filled, to see what can be done with a message
 */
export function lineElement(line, { fill, open }) {
  if (line.kind === "hole") return holeElement(line, fill);
  if (line.kind === "note") return noteElement(line);
  return messageElement(line, open);
}

/** Says how a hole is now. */
export function updateHole(item, hole) {
  const [text, load] = item.children;
  const { reason, state, error, retryAt } = hole;
  const wait = retryAt - Date.now();
  const later = wait > 0 ? ` Try again in ${span(wait)}.` : "";
  text.textContent = state === "failed" ? `${HOLE_TEXTS[reason](hole)} ${error}${later}`.trim() : HOLE_TEXTS[reason](hole);
  text.hidden = text.textContent === "";
  // Not `disabled`: that would take the keyboard's focus away.
  load.ariaDisabled = String(state === "loading");
  if (state === "loading") load.textContent = "Loading…";
  else load.textContent = reason === "older" ? "Load older messages" : hole.found ? "Load more of them" : "Load them";
}

function holeElement(hole, fill) {
  const load = button({}, () => fill(hole));
  return element("li", { class: `note hole ${hole.reason === "older" ? "" : "loss"}` }, element("span"), load);
}

function noteElement({ text, timestamp, tone }) {
  return element("li", { class: `note ${tone}` }, element("span", { dir: "auto" }, text), " ", timeElement(timestamp));
}

function plural(count, one, many, rest) {
  return `${count.toLocaleString()} ${count === 1 ? one : many} ${rest}`;
}
