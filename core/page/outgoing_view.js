import { button, byId, element, reconcile } from "./elements.js";
import { contentElement } from "./message_element.js";
import { countdown, span } from "./times.js";

/** Shows our own messages that are not published yet: on their way, waiting, or refused. */
export class OutgoingView {
  #list = byId("outgoing");
  #actions;
  #stop = () => {};

  /** @param {Record<"retry" | "edit" | "discard", (message: object) => void>} actions */
  constructor(actions) {
    this.#actions = actions;
  }

  show(conversation, connected) {
    const messages = conversation ? [...conversation.outgoing.values()] : [];
    const refused = (message) => this.#refused(message);
    reconcile(this.#list, messages, keyOf, (message) => (message.error ? refused : pending)(message), (child, message) => {
      if (!message.error) child.querySelector(".sending").textContent = connected ? "Sending…" : "Waits for the connection";
    });
    this.#stop();
    const last = Math.max(0, ...messages.map((message) => message.retryAt ?? 0));
    this.#stop = countdown(last, () => messages.forEach((message, place) => drawRetry(this.#list.children[place], message)));
  }

  #refused(message) {
    const { retry, edit, discard } = this.#actions;
    const buttons = element("p", { class: "message-buttons" });
    if (message.error.retryable) buttons.append(button({ class: "button small retry" }, () => retry(message)));
    buttons.append(button({}, () => edit(message), "Edit"), button({}, () => discard(message), "Discard"));
    const why = element("p", { class: "why", role: "alert" }, `Not sent. ${message.error.message}`);
    return element("li", { class: "message refused" }, contentElement(message.content), why, buttons);
  }
}

function pending(message) {
  return element("li", { class: "message pending" }, contentElement(message.content), element("p", { class: "sending" }));
}

function keyOf(message) {
  return message.error ? `${message.id} refused ${message.attempt}` : message.id;
}

function drawRetry(child, message) {
  const again = child?.querySelector(".retry");
  if (!again) return;
  const left = message.retryAt - Date.now();
  again.disabled = left > 0;
  again.textContent = left > 0 ? `Try again in ${span(left)}` : "Try again";
}
