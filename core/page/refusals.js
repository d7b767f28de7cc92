/** Close codes that a person can answer. */
export const UNAUTHORIZED = 4001;
/** A refused name, room or origin. */
export const FORBIDDEN = 4003;
/** A name that somebody else has, or too many connections of one user. */
export const OCCUPIED = 4009;

const TAKEN = /^The name .* is taken/s;
const ABOUT_A_NAME = /^(The|Your|A user) name /;
/** What follows is for those who type URLs, and may be cut off. */
const FOR_PEOPLE = /^(The name .* is taken by somebody online).*$/s;

export function isTakenName({ code, reason }) {
  return code === OCCUPIED && TAKEN.test(reason);
}

/** Whether another name might be let in. */
export function isRefusedName({ code, reason }) {
  return isTakenName({ code, reason }) || (code === FORBIDDEN && ABOUT_A_NAME.test(reason));
}

/** The reason for a person who has a field to type a name into. */
export function sentence(reason) {
  return reason.replace(FOR_PEOPLE, "$1.");
}
