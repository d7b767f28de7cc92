import { continues } from "./conversation.js";
import { byId, reconcile } from "./elements.js";
import { lineElement, updateHole } from "./line_elements.js";
import { updateMessage } from "./message_element.js";
import { TabStop } from "./tab_stop.js";

const NEAR_THE_END = 48;
/** So many pixels before the beginning is reached, what is older is asked for. */
const NEAR_THE_BEGINNING = 200;

/** Shows the lines of one conversation, drawn at most once a frame however fast they come. */
export class LogView {
  conversation = null;
  #actions;
  #reader;
  #tellEnd;
  #scroller = byId("scroller");
  #region = byId("log-region");
  #list = byId("log");
  #latest = byId("latest");
  #empty = byId("empty");
  #spoken = byId("log-spoken");
  #shown = -1;
  #missed = 0;
  #scheduled = false;
  #atEnd = true;
  #quiet = 0;
  #tabStop = new TabStop(this.#list);

  /**
   * @param {{fill: (hole: object) => void, open: (line: object, opener: Element) => void,
   *   reader: (line: object) => object, atEnd: () => void}} parts load what is missing in a hole, show what can be
   *   done with a message; `reader` is what `updateMessage` takes; `atEnd` is called when a person scrolls there
   */
  constructor({ fill, open, reader, atEnd }) {
    this.#reader = reader;
    this.#tellEnd = atEnd;
    this.#actions = { fill: (hole) => this.#fill(hole, fill), open };
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
    if (this.conversation) this.conversation.isReadBack = false;
    this.conversation = conversation;
    this.#list.replaceChildren();
    this.#shown = -1;
    this.#atEnd = true;
    this.#beQuiet();
    this.#draw();
    this.#spoken.textContent = "";
    this.toEnd();
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
    if (this.conversation) this.conversation.isReadBack = false;
    this.#scroller.scrollTop = this.#scroller.scrollHeight;
    this.#drawLatest();
  }

  /** Who asks for what is missing goes on reading where it begins. */
  #fill(hole, fill) {
    if (hole.reason !== "older") this.#atEnd = false;
    fill(hole);
  }

  #draw() {
    if (this.#atEnd) this.conversation?.trim();
    const lines = this.conversation?.lines ?? [];
    const fresh = lines.filter((line) => line.number > this.#shown);
    const older = fresh.filter((line) => line.isOld).length;
    if (older) this.#beQuiet();
    this.#spoken.textContent = older ? `${older} earlier message${older === 1 ? "" : "s"} loaded.` : "";
    const anchor = this.#atEnd ? null : this.#anchor();
    const focused = document.activeElement;
    const item = this.#list.contains(focused) ? focused.closest("li.message, li.hole") : null;
    this.#reconcile(lines);
    this.#tabStop.update();
    if (item && (focused.hidden || !focused.isConnected)) this.#catchFocus(item);
    this.#shown = Math.max(this.#shown, ...fresh.map((line) => line.number));
    this.#empty.hidden = lines.length > 0 || !this.conversation || this.conversation.outgoing.size > 0;
    if (!anchor) this.toEnd();
    else {
      this.#scroller.scrollTop += anchor.element.getBoundingClientRect().top - anchor.top;
      this.#missed += fresh.filter((line) => line.kind === "message" && !line.isOld).length;
      this.#drawLatest();
    }
  }

  /** A button that has done its work takes the focus with it. */
  #catchFocus(item) {
    const more = item.isConnected && item.querySelector(".more:not([hidden])");
    (more || this.#scroller).focus({ preventScroll: true });
  }

  #reconcile(lines) {
    const items = lines.map((line, place) => ({ line, isContinued: continues(line, lines[place - 1]) }));
    const create = ({ line }) => lineElement(line, this.#actions);
    reconcile(this.#list, items, ({ line }) => String(line.number), create, (child, { line, isContinued }) => {
      if (line.kind === "hole") updateHole(child, line);
      else child.classList.toggle("continued", isContinued);
      if (line.kind === "message") updateMessage(child, line, this.#reader(line));
    });
  }

  /** What a person reads now: it is to stay where it is on the screen, whatever is added above it. */
  #anchor() {
    const top = this.#scroller.getBoundingClientRect().top;
    const lines = Array.from(this.#list.children).filter((child) => !child.classList.contains("hole"));
    const element = lines.find((child) => child.getBoundingClientRect().bottom > top) ?? this.#list;
    return { element, top: element.getBoundingClientRect().top };
  }

  #noticeScroll() {
    const { scrollHeight, scrollTop, clientHeight } = this.#scroller;
    this.#atEnd = scrollHeight - scrollTop - clientHeight < NEAR_THE_END;
    if (this.conversation) this.conversation.isReadBack = !this.#atEnd;
    if (this.#atEnd) {
      this.#missed = 0;
      this.#tellEnd();
    } else if (scrollTop < NEAR_THE_BEGINNING) this.#fillBeginning();
    this.#drawLatest();
  }

  #fillBeginning() {
    const first = this.conversation?.lines[0];
    if (first?.kind === "hole" && first.reason === "older" && first.state === "idle") this.#actions.fill(first);
  }

  /** What is added now is nothing that has just been said. */
  #beQuiet() {
    this.#region.ariaLive = "off";
    clearTimeout(this.#quiet);
    this.#quiet = setTimeout(() => {
      this.#region.ariaLive = "polite";
    }, 200);
  }

  #drawLatest() {
    this.#latest.hidden = this.#atEnd;
    const count = this.#missed;
    this.#latest.textContent = count ? `${count} new message${count === 1 ? "" : "s"} ↓` : "To the latest ↓";
  }
}
