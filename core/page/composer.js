import { byId } from "./elements.js";

const GROWS_BY_ITSELF = CSS.supports("field-sizing", "content");

/** The message box. */
export class Composer {
  #draft = byId("draft");

  /** @param {{submit: (text: string) => void, changed: (text: string) => void, cancel: () => void}} actions */
  constructor({ submit, changed, cancel }) {
    const form = byId("composer");
    form.addEventListener("submit", (event) => {
      event.preventDefault();
      if (this.text.trim()) submit(this.text);
      this.focus();
    });
    this.#draft.addEventListener("keydown", (event) => {
      // While a word is being composed (Japanese, Chinese, …) Enter belongs to the input method.
      if (event.key === "Escape" && !event.isComposing) cancel();
      if (event.key !== "Enter" || event.shiftKey || event.isComposing) return;
      event.preventDefault();
      form.requestSubmit();
    });
    this.#draft.addEventListener("input", () => {
      this.#fit();
      changed(this.text);
    });
  }

  get text() {
    return this.#draft.value;
  }

  /** Shows the draft of a conversation, or what a message of it is to say instead. */
  show(text, label, action = "Send") {
    if (this.text !== text) this.#draft.value = text;
    this.#draft.placeholder = label;
    byId("draft-label").textContent = label;
    byId("send").textContent = action;
    this.#fit();
  }

  focus() {
    this.#draft.focus();
  }

  #fit() {
    if (GROWS_BY_ITSELF) return;
    this.#draft.style.height = "auto";
    this.#draft.style.height = `${this.#draft.scrollHeight}px`;
  }
}
