import { Chat } from "./chat.js";
import { Composer } from "./composer.js";
import { ConnectionBar } from "./connection_bar.js";
import { byId, paintAvatar } from "./elements.js";
import { ListsView } from "./lists_view.js";
import { LogView } from "./log_view.js";
import { askName } from "./name_dialog.js";
import { Notice } from "./notice.js";
import { OutgoingView } from "./outgoing_view.js";
import { always, recall, remember, thisTab } from "./storage.js";

const chat = new Chat(socketAddress(), { changed, notice: tell, state: showConnection });
const { conversations } = chat;
const drafts = recall(thisTab, "drafts", {});
const notice = new Notice();
const log = new LogView();
const outgoing = new OutgoingView({ retry, edit, discard });
const bar = new ConnectionBar({ connect: () => chat.connect(), rename });
const composer = new Composer({ submit, changed: keepDraft });
const lists = new ListsView({ choose, write: (user) => choose(conversations.open("private", user)) });
const wanted = new URL(location.href).searchParams.get("room");
let drawing = 0;

wire();
start();

function socketAddress() {
  const path = document.querySelector('meta[name="hubbub-path"]').content;
  const address = new URL(`.${path}`, location.href);
  address.protocol = location.protocol === "https:" ? "wss:" : "ws:";
  return address.href;
}

async function start() {
  const rooms = new Set(recall(thisTab, "rooms", []));
  if (wanted) rooms.add(wanted);
  for (const room of rooms) conversations.open("room", room);
  show(conversations.find("room", wanted) ?? conversations.current);
  const name = recall(always, "name", null) ?? (await nameFromDialog(null));
  chat.start(name, [...rooms]);
  composer.focus();
}

async function nameFromDialog(current) {
  const name = await askName(current);
  if (name) remember(always, "name", name);
  return name;
}

async function rename() {
  const before = document.activeElement;
  hidePanels();
  const name = await nameFromDialog(chat.me);
  if (before?.checkVisibility()) before.focus();
  else composer.focus();
  if (name === null || name === chat.me) return;
  const rooms = conversations.of("room").map((room) => room.name);
  chat.start(name, rooms.length === 0 && wanted ? [wanted] : rooms);
}

function show(conversation) {
  conversations.current = conversation;
  if (conversation) {
    conversation.unread = 0;
    // What was typed before there was a conversation belongs to the first one.
    conversation.draft ||= drafts[conversation.key] ?? (log.conversation ? "" : composer.text);
    delete drafts[conversation.key];
  }
  log.show(conversation);
  showAddress(conversation);
  draw();
}

/** A person changes to a conversation: panels go, and the keyboard follows. */
function choose(conversation) {
  hidePanels();
  notice.hide();
  show(conversation);
  composer.focus();
}

function changed(conversation) {
  const { current } = conversations;
  if (current && !document.hidden) current.unread = 0;
  drawTitle();
  if (current !== log.conversation) show(current);
  else if (conversation === current) log.update();
  if (!drawing) drawing = requestAnimationFrame(draw);
}

function draw() {
  cancelAnimationFrame(drawing);
  drawing = 0;
  const { current } = conversations;
  const inRoom = current?.kind === "room";
  byId("title").firstElementChild.textContent = current?.name ?? "Hubbub";
  byId("title").dataset.kind = current?.kind ?? "";
  byId("leave").hidden = !current || (inRoom && conversations.of("room").length === 1);
  byId("leave").textContent = inRoom ? "Leave" : "Close";
  byId("me").textContent = chat.me || "…";
  paintAvatar(byId("me-avatar"), chat.me);
  lists.showConversations(conversations);
  lists.showPeople(current, chat.me);
  outgoing.show(current, chat.connected);
  composer.show(current?.draft ?? composer.text, invitation(current));
  drawTitle();
}

function invitation(conversation) {
  if (!conversation) return "Message";
  return conversation.kind === "room" ? `Message to ${conversation.name}` : `Private message to ${conversation.name}`;
}

function drawTitle() {
  const { current, unread } = conversations;
  const title = `${unread ? `(${unread}) ` : ""}${current ? `${current.name} · ` : ""}Hubbub`;
  if (document.title !== title) document.title = title;
}

/** The address is one to share: who opens it enters the same room. */
function showAddress(conversation) {
  if (conversation?.kind !== "room") return;
  const address = new URL(location.href);
  address.searchParams.set("room", conversation.name);
  history.replaceState(null, "", address);
}

function showConnection(detail) {
  document.body.dataset.connection = detail.state;
  bar.show(detail, chat.queued);
  draw();
}

function tell(text, retryAfter) {
  notice.show(text, retryAfter);
}

function submit(text) {
  const { current } = conversations;
  if (!current) {
    notice.show("You are in no room yet. Your message is kept until you are.");
    return;
  }
  current.draft = "";
  notice.hide();
  log.toEnd();
  chat.write(current, text);
  bar.show(chat.connection, chat.queued);
  draw();
}

function keepDraft(text) {
  if (conversations.current) conversations.current.draft = text;
}

function retry(message) {
  chat.retry(conversations.current, message);
  composer.focus();
}

/** Back into the message box, before whatever has been typed since. */
function edit(message) {
  const { current } = conversations;
  current.draft = [message.content, current.draft].filter(Boolean).join("\n");
  discard(message);
}

function discard(message) {
  chat.discard(conversations.current, message);
  draw();
  composer.focus();
}

async function join(event) {
  event.preventDefault();
  const input = byId("room-name");
  const room = input.value.trim().replace(/^#/, "");
  byId("join-error").textContent = "";
  if (!room) return;
  try {
    const conversation = await chat.join(room);
    input.value = "";
    choose(conversation);
  } catch (error) {
    byId("join-error").textContent = error.message;
  }
}

function leave() {
  chat.leave(conversations.current);
  composer.focus();
}

function hidePanels() {
  for (const panel of document.querySelectorAll(".panel:popover-open")) panel.hidePopover();
}

function wire() {
  byId("join").addEventListener("submit", join);
  byId("room-name").addEventListener("input", () => {
    byId("join-error").textContent = "";
  });
  byId("leave").addEventListener("click", leave);
  byId("rename").addEventListener("click", rename);
  byId("skip").addEventListener("click", (event) => {
    event.preventDefault();
    composer.focus();
  });
  // A drawer belongs to narrow windows; in a wide one the same panels stand beside the messages.
  matchMedia("(max-width: 60rem)").addEventListener("change", hidePanels);
  document.addEventListener("visibilitychange", () => {
    if (!document.hidden && conversations.current) changed(conversations.current);
  });
  window.addEventListener("pagehide", () => {
    for (const conversation of conversations.all()) {
      if (conversation.draft) drafts[conversation.key] = conversation.draft;
    }
    remember(thisTab, "drafts", drafts);
    remember(thisTab, "rooms", conversations.of("room").map((room) => room.name));
  });
}
