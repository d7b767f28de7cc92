/** One browser may visit several servers of one origin, under different paths: each has its own memory. */
const PREFIX = `hubbub:${new URL(".", location.href).pathname}:`;

/**
 * What a browser remembers for us, where it lets us: storage may be full, switched off or forbidden,
 * and the page must work all the same.
 */
export function recall(storage, key, otherwise) {
  try {
    return JSON.parse(storage().getItem(PREFIX + key)) ?? otherwise;
  } catch {
    return otherwise;
  }
}

export function remember(storage, key, value) {
  try {
    storage().setItem(PREFIX + key, JSON.stringify(value));
  } catch {
    // Nothing is lost but the memory.
  }
}

export function forget(storage, key) {
  try {
    storage().removeItem(PREFIX + key);
  } catch {
    // There is nothing to forget.
  }
}

/** For every later visit. A function, because even naming a forbidden storage throws. */
export const always = () => localStorage;

/** For this tab, over a reload. */
export const thisTab = () => sessionStorage;
