import { byId, element, paintAvatar } from "./elements.js";
import { timeElement } from "./times.js";

const NEAR_THE_END = 48;

/** Shows the lines of one conversation, drawn at most once a frame however fast they come. */
export class LogView {
  conversation = null;
  #scroller = byId("scroller");
  #region = byId("log-region");
  #list = byId("log");
  #latest = byId("latest");
  #empty = byId("empty");
  #shown = -1;
  #missed = 0;
  #scheduled = false;
  #atEnd = true;

  constructor() {
    this.#scroller.addEventListener("scroll", () => this.#noticeScroll(), { passive: true });
    this.#latest.addEventListener("click", () => {
      this.toEnd();
      byId("draft").focus();
    });
    // The keyboard of a phone, or a growing draft, must not push the newest line out of sight.
    const observer = new ResizeObserver(() => this.#atEnd && this.toEnd());
    for (const part of [this.#scroller, this.#list, byId("outgoing")]) observer.observe(part);
  }

  /** Changes to another conversation. What it holds already is not read out again. */
  show(conversation) {
    this.conversation = conversation;
    this.#region.ariaLive = "off";
    this.#list.replaceChildren();
    this.#shown = -1;
    this.#draw();
    this.toEnd();
    setTimeout(() => {
      this.#region.ariaLive = "polite";
    }, 200);
  }

  /** The conversation may have new lines. */
  update() {
    if (this.#scheduled) return;
    this.#scheduled = true;
    requestAnimationFrame(() => {
      this.#scheduled = false;
      this.#draw();
    });
  }

  toEnd() {
    this.#atEnd = true;
    this.#missed = 0;
    this.#scroller.scrollTop = this.#scroller.scrollHeight;
    this.#drawLatest();
  }

  #draw() {
    const lines = this.conversation?.lines ?? [];
    const fresh = lines.filter((line) => line.number > this.#shown);
    const atEnd = this.#atEnd;
    this.#list.append(...fresh.map(lineElement));
    while (this.#list.childElementCount > lines.length) this.#list.firstElementChild.remove();
    this.#shown = lines.at(-1)?.number ?? -1;
    this.#empty.hidden = lines.length > 0 || !this.conversation || this.conversation.outgoing.size > 0;
    if (atEnd) this.toEnd();
    else {
      this.#missed += fresh.filter((line) => line.kind === "message").length;
      this.#drawLatest();
    }
  }

  #noticeScroll() {
    const { scrollHeight, scrollTop, clientHeight } = this.#scroller;
    this.#atEnd = scrollHeight - scrollTop - clientHeight < NEAR_THE_END;
    if (this.#atEnd) this.#missed = 0;
    this.#drawLatest();
  }

  #drawLatest() {
    this.#latest.hidden = this.#atEnd;
    const count = this.#missed;
    this.#latest.textContent = count ? `${count} new message${count === 1 ? "" : "s"} ↓` : "To the latest ↓";
  }
}

function lineElement(line) {
  if (line.kind === "note") {
    return element("li", { class: `note ${line.tone}` }, element("span", { dir: "auto" }, line.text), " ",
      timeElement(line.timestamp));
  }
  const kind = `message${line.mine ? " mine" : ""}${line.continued ? " continued" : ""}`;
  const avatar = element("span", { "aria-hidden": "true" });
  paintAvatar(avatar, line.user);
  const who = element("p", { class: "who" }, element("bdi", { class: "author" }, line.user), " ", timeElement(line.timestamp));
  return element("li", { class: kind }, avatar, who, contentElement(line.content));
}

/** A server without the validation plugin may carry any JSON: it is shown as what it is. */
export function contentElement(content) {
  if (typeof content === "string") return element("p", { class: "content", dir: "auto" }, content);
  return element("pre", { class: "content" }, JSON.stringify(content, null, 2));
}
