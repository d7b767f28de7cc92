const CLOCK = new Intl.DateTimeFormat(undefined, { hour: "numeric", minute: "2-digit" });
const DAY_AND_CLOCK = new Intl.DateTimeFormat(undefined, {
  day: "numeric", month: "short", hour: "numeric", minute: "2-digit",
});
const WHOLE = new Intl.DateTimeFormat(undefined, { dateStyle: "full", timeStyle: "long" });

/** A timestamp as a <time> in the reader's own zone: short to read, whole in its title. */
export function timeElement(timestamp) {
  const made = document.createElement("time");
  const date = new Date(timestamp);
  if (Number.isNaN(date.getTime())) return made;
  made.dateTime = timestamp;
  made.textContent = moment(date);
  made.title = whole(timestamp);
  return made;
}

/** A timestamp with all that can be said of it, in the reader's own zone; nothing where it is none. */
export function whole(timestamp) {
  const date = new Date(timestamp);
  return Number.isNaN(date.getTime()) ? "" : WHOLE.format(date);
}

/** A moment in few words: its time, and its day where that is not today. */
export function moment(when) {
  const date = new Date(when);
  const isToday = date.toDateString() === new Date().toDateString();
  return (isToday ? CLOCK : DAY_AND_CLOCK).format(date);
}

/** A span of milliseconds for a sentence: "3 s", "2 min 5 s". Rounded up, so that it never says 0 too early. */
export function span(milliseconds) {
  const seconds = Math.max(0, Math.ceil(milliseconds / 1000));
  if (seconds < 60) return `${seconds} s`;
  const rest = seconds % 60;
  return `${Math.floor(seconds / 60)} min${rest ? ` ${rest} s` : ""}`;
}

/**
 * Calls `tick` with the milliseconds left now, each second, and with 0 at the end.
 * @param {number} until on the clock of `Date.now()`
 * @returns {() => void} stops it
 */
export function countdown(until, tick) {
  let timer = 0;
  const step = () => {
    const left = Math.max(0, until - Date.now());
    if (left > 0) timer = setTimeout(step, left % 1000 || 1000);
    tick(left);
  };
  step();
  return () => clearTimeout(timer);
}
