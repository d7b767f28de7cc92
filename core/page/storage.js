/**
 * What a browser remembers for us, where it lets us: storage may be full, switched off or forbidden,
 * and the page must work all the same.
 */
export function recall(storage, key, otherwise) {
  try {
    return JSON.parse(storage().getItem(`hubbub.${key}`)) ?? otherwise;
  } catch {
    return otherwise;
  }
}

export function remember(storage, key, value) {
  try {
    storage().setItem(`hubbub.${key}`, JSON.stringify(value));
  } catch {
    // Nothing is lost but the memory.
  }
}

/** For every later visit. A function, because even naming a forbidden storage throws. */
export const always = () => localStorage;

/** For this tab, over a reload. */
export const thisTab = () => sessionStorage;
