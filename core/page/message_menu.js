import { button, byId } from "./elements.js";

const EMOJIS = ["👍", "❤️", "😂", "🎉", "😮", "😢", "👀", "🙏"];
/** How far the menu stays from the edges of the window, in pixels. */
const MARGIN = 8;

/** What can be done with a message: one menu for all of them. */
export class MessageMenu {
  #menu = byId("message-menu");
  #delete = byId("menu-delete");
  #line = null;
  #isSure = false;

  /** @param {Record<"react" | "edit" | "remove", (line: object, emoji?: string) => void>} actions */
  constructor({ react, edit, remove }) {
    const choose = (act) => {
      this.#menu.hidePopover();
      act(this.#line);
    };
    const buttons = EMOJIS.map((emoji) => button({ class: "icon-button emoji" }, () => choose((line) => react(line, emoji)), emoji));
    byId("menu-emojis").append(...buttons);
    byId("menu-edit").addEventListener("click", () => choose(edit));
    this.#delete.addEventListener("click", () => {
      if (this.#isSure) choose(remove);
      else this.#ask(true);
    });
  }

  /** @param {object} line @param {Element} opener @param {Record<"react" | "edit" | "remove", boolean>} rights */
  open(line, opener, rights) {
    this.#line = line;
    this.#ask(false);
    byId("menu-emojis").hidden = !rights.react;
    byId("menu-edit").hidden = !rights.edit;
    this.#delete.hidden = !rights.remove;
    this.#menu.showPopover();
    this.#placeAt(opener.getBoundingClientRect());
    this.#menu.querySelector("button:not([hidden] *, [hidden])").focus();
  }

  /** What is gone for everyone is asked for twice. */
  #ask(isSure) {
    this.#isSure = isSure;
    this.#delete.textContent = isSure ? "Really delete?" : "Delete";
    this.#delete.classList.toggle("alarm", isSure);
  }

  /** Below the button, or above it where there is no room. */
  #placeAt({ top, right, bottom }) {
    const { offsetWidth: width, offsetHeight: height, style } = this.#menu;
    const isAbove = bottom + height + MARGIN > innerHeight;
    style.top = `${Math.max(MARGIN, isAbove ? top - height : bottom)}px`;
    style.left = `${Math.max(MARGIN, Math.min(right - width, innerWidth - width - MARGIN))}px`;
  }
}
