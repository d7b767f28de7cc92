/**
 * Makes one message at a time a stop of the Tab key, the last one at first; the arrows go on to the others. Several
 * hundred stops would lie in the way of everything else.
 */
export class TabStop {
  #list;
  #item = null;

  /**
   * @param {Element} list of messages; what can be done with those of the class `amendable` is in buttons that no
   *   Tab key reaches, one of the class `more`
   */
  constructor(list) {
    this.#list = list;
    list.addEventListener("focusin", ({ target }) => this.#moveTo(target.closest(".amendable") ?? this.#item));
    list.addEventListener("keydown", (event) => this.#step(event));
  }

  /** The messages may be others than before. */
  update() {
    const isUsed = this.#item?.matches(".amendable:focus-within");
    this.#moveTo(isUsed ? this.#item : (this.#items().at(-1) ?? null));
  }

  #items() {
    return [...this.#list.querySelectorAll(":scope > .amendable")];
  }

  #moveTo(item) {
    if (item !== this.#item) setStop(this.#item, -1);
    setStop(item, 0);
    this.#item = item;
  }

  #step(event) {
    const step = { ArrowUp: -1, ArrowDown: 1 }[event.key];
    const item = event.target.closest("button") && event.target.closest(".amendable");
    if (!step || !item) return;
    const items = this.#items();
    event.preventDefault();
    items[items.indexOf(item) + step]?.querySelector(".more").focus();
  }
}

function setStop(item, tabIndex) {
  for (const each of item?.querySelectorAll("button") ?? []) each.tabIndex = tabIndex;
}
