import { byId } from "./elements.js";
import { askName } from "./name_dialog.js";
import { UNAUTHORIZED, isRefusedName, isTakenName, sentence } from "./refusals.js";
import { always, forget, recall, remember, thisTab } from "./storage.js";
import { askToken } from "./token_dialog.js";

/**
 * Who comes in: asks a person for a name, or for a token where the server lets nobody say who they are, at the
 * beginning and whenever the server refuses what it was given.
 */
export class Entrance {
  #chat;
  #credentials;
  #rooms;
  /** Whether the server says who somebody is, by their token. */
  #byToken = document.querySelector('meta[name="hubbub-names"]').content === "given";
  #isAsking = false;

  /**
   * @param {{chat: object, credentials: object, rooms: () => string[]}} parts `rooms` are those to enter anew
   */
  constructor({ chat, credentials, rooms }) {
    this.#chat = chat;
    this.#credentials = credentials;
    this.#rooms = rooms;
    if (this.#byToken) byId("connection-rename").textContent = "Sign in";
    this.#drawChange(true);
  }

  /** Lets a person in for the first time. */
  async begin() {
    const known = recall(thisTab, "user", null) ?? (this.#byToken ? "" : recall(always, "name", null));
    if (known !== null) this.#enter(known);
    else this.#choose((await this.#ask(() => askName(null))) ?? "");
  }

  /** What the button beside one's name does. */
  change() {
    const { state, reason } = this.#chat.connection;
    if (!this.#byToken) return this.#ask(() => this.#changeName());
    return this.#ask(() => (state === "closed" ? this.#giveToken(reason) : this.#changeToken()));
  }

  /** New credentials for the connection, which stays open. */
  renew() {
    return this.#ask(() => askToken({
      heading: "Renew your credentials",
      action: "Renew",
      use: async (token) => {
        const isInTime = this.#chat.connected;
        if (isInTime) await this.#chat.refresh(token);
        this.#credentials.takeToken(token);
        if (!isInTime) this.#chat.connect();
      },
    }));
  }

  /** The server has let us in. */
  welcomed({ user, guest_key: guestKey }) {
    const isGuest = guestKey !== undefined;
    this.#drawChange(isGuest);
    if (isGuest) remember(thisTab, "user", user);
    else forget(thisTab, "user");
  }

  /** The server has closed the connection for good: a person may know a way on. */
  closed(detail) {
    if (detail.code === UNAUTHORIZED) this.#ask(() => this.#giveToken(detail.reason));
    else if (!isRefusedName(detail)) return;
    else if (this.#byToken && !isTakenName(detail)) return;
    else this.#ask(() => this.#giveName(detail));
  }

  /** One question at a time; afterwards the keyboard is where it was. */
  async #ask(question) {
    if (this.#isAsking) return null;
    this.#isAsking = true;
    const before = document.activeElement;
    try {
      return await question();
    } finally {
      this.#isAsking = false;
      if (before !== document.body && before?.checkVisibility()) before.focus();
      else byId("draft").focus();
    }
  }

  #enter(name) {
    this.#chat.start(name, this.#rooms());
  }

  async #changeName() {
    const { me } = this.#chat;
    const name = await askName(me);
    if (name === null || name === me) return;
    this.#choose(name);
  }

  async #giveName(detail) {
    const { me } = this.#chat;
    if (isTakenName(detail) && (await this.#credentials.areRenewed())) {
      this.#chat.connect();
      return;
    }
    // Made up by the server, or by nobody: the next one is as good.
    if (this.#byToken) {
      this.#enter("");
      return;
    }
    const suggestion = isTakenName(detail) ? another(me) : me;
    const name = await askName(me, { reason: sentence(detail.reason), suggestion });
    if (name !== null) this.#choose(name);
  }

  #choose(name) {
    if (name) remember(always, "name", name);
    forget(thisTab, "user");
    this.#enter(name);
  }

  async #giveToken(reason) {
    this.#credentials.dropToken();
    await askToken({
      heading: "Who are you?",
      reason,
      action: "Enter",
      use: (token) => {
        this.#credentials.takeToken(token);
        this.#chat.connect();
      },
    });
  }

  async #changeToken() {
    const { hasToken } = this.#credentials;
    const outcome = await askToken({
      heading: hasToken ? "Come in as somebody else" : "Sign in",
      action: "Enter",
      canSignOut: hasToken,
      use: (token) => {
        this.#credentials.takeToken(token);
        this.#chat.start("", this.#rooms());
      },
    });
    if (outcome !== "sign-out") return;
    this.#credentials.dropToken();
    this.#chat.startOver([]);
  }

  #drawChange(isGuest) {
    const [visible, spoken] = this.#byToken ? (isGuest ? ["Sign in", ""] : ["Change", " who you are"]) : ["Change", " your name"];
    const unseen = byId("rename").firstElementChild;
    unseen.textContent = spoken;
    byId("rename").replaceChildren(visible, unseen);
  }
}

/** The name with a number behind it, the next one where it has one. */
function another(name) {
  const [, stem, number] = /^(.*?)(?:-(\d{1,4}))?$/s.exec(name);
  const ending = `-${Number(number ?? 1) + 1}`;
  return Array.from(stem).slice(0, 64 - ending.length).join("") + ending;
}
