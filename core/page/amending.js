import { MessageMenu } from "./message_menu.js";

/** What a person does with messages that have been said: reacts, edits, deletes. */
export class Amending {
  #chat;
  #tell;
  #changed;
  #menu;
  #conversation = null;

  /**
   * @param {{chat: object, tell: (text: string, retryAfter?: number) => void, changed: () => void}} parts `tell` a
   *   person why something was not done; `changed` is called when the editing of a message begins or ends
   */
  constructor({ chat, tell, changed }) {
    this.#chat = chat;
    this.#tell = tell;
    this.#changed = changed;
    this.#menu = new MessageMenu({
      react: (line, emoji) => this.#react(this.#conversation, line, emoji, false),
      edit: (line) => this.#edit(this.#conversation, line),
      remove: (line) => this.#attempt(chat.extras.remove(this.#conversation, line)),
    });
  }

  /** Who reads a message of the conversation on screen: what `updateMessage` takes. */
  reader(line) {
    const { me, extras, conversations } = this.#chat;
    const { current } = conversations;
    const isEditing = current.editing?.line === line;
    return { me, isEditing, rights: extras.rights(current, line), react: (...how) => this.#react(current, ...how) };
  }

  /** Offers what can be done with a message of the conversation on screen. */
  open(line, opener) {
    this.#conversation = this.#chat.conversations.current;
    this.#menu.open(line, opener, this.reader(line).rights);
  }

  /** Publishes the new words; where that is refused, they stay in the message box. */
  async save(conversation, text) {
    const { editing } = conversation;
    const isSaved = text === editing.before || (await this.#attempt(this.#chat.extras.edit(conversation, editing.line, text)));
    if (isSaved && conversation.editing === editing) this.end(conversation);
  }

  /** Leaves a message as it is. */
  end(conversation) {
    conversation.editing = null;
    this.#changed();
  }

  /** The words of the message go into the message box; the draft there comes back afterwards. */
  #edit(conversation, line) {
    const words = line.amended?.edit?.content ?? line.content;
    conversation.editing = { line, text: words, before: words };
    this.#changed();
  }

  #react(conversation, line, emoji, removed) {
    this.#attempt(this.#chat.extras.react(conversation, line, emoji, removed));
  }

  async #attempt(answer) {
    try {
      await answer;
      return true;
    } catch ({ message, expected, retryAfter }) {
      this.#tell(expected ? `${message} Expected: ${expected}` : message, retryAfter);
      return false;
    }
  }
}
