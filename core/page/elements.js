/** The element of the page with this id. */
export function byId(id) {
  return document.getElementById(id);
}

/**
 * A new element. Children that are strings become text, so nothing that a person wrote is ever markup.
 * @param {string} name
 * @param {Record<string, string | boolean>} [attributes] `true` sets an empty attribute, `false` leaves it out
 * @param {...(Node | string)} children
 */
export function element(name, attributes = {}, ...children) {
  const made = document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) {
    if (value !== false) made.setAttribute(key, value === true ? "" : value);
  }
  made.append(...children);
  return made;
}

/** A button that does not submit. */
export function button(attributes, act, ...children) {
  const made = element("button", { type: "button", class: "button small", ...attributes }, ...children);
  made.addEventListener("click", act);
  return made;
}

/**
 * Brings the children of `list` in line with `items`, keeping the elements that stay, and with them the
 * keyboard's focus.
 * @param {(item: any) => string} key
 * @param {(item: any) => Element} create
 * @param {(child: Element, item: any) => void} update
 */
export function reconcile(list, items, key, create, update) {
  const known = new Map(Array.from(list.children, (child) => [child.dataset.key, child]));
  const keys = items.map(key);
  const wanted = new Set(keys);
  for (const [name, child] of known) if (!wanted.has(name)) child.remove();
  let place = list.firstElementChild;
  for (const [number, item] of items.entries()) {
    const name = keys[number];
    const child = known.get(name) ?? create(item);
    child.dataset.key = name;
    update(child, item);
    if (child === place) place = place.nextElementSibling;
    else list.insertBefore(child, place);
  }
}

/** One of eight tones that a name always has, for its avatar. */
export function tone(name) {
  let sum = 0;
  for (const character of name) sum = (sum * 31 + character.codePointAt(0)) % 1_000_003;
  return `tone-${sum % 8}`;
}

/** The first letter of a name, as a person sees letters. */
export function initial(name) {
  const [first] = name.trim();
  return first?.toUpperCase() ?? "?";
}

export function paintAvatar(avatar, name) {
  avatar.className = `avatar ${tone(name)}`;
  avatar.textContent = initial(name);
}
