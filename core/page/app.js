import { Amending } from "./amending.js";
import { Chat } from "./chat.js";
import { Composer } from "./composer.js";
import { ConnectionBar } from "./connection_bar.js";
import { Credentials } from "./credentials.js";
import { byId, paintAvatar } from "./elements.js";
import { Entrance } from "./entrance.js";
import { ListsView } from "./lists_view.js";
import { LogView } from "./log_view.js";
import { Notice } from "./notice.js";
import { OutgoingView } from "./outgoing_view.js";
import { showStrip } from "./strip_view.js";
import { Visit } from "./visit.js";

const visit = new Visit();
const credentials = new Credentials();
const listener = { changed, notice: tell, state: showConnection, welcomed, forgotten: () => visit.forget() };
const chat = new Chat(socketAddress(), { credentials, listener, member: visit.member });
const { conversations, extras } = chat;
const wanted = new URL(location.href).searchParams.get("room");
const entrance = new Entrance({ chat, credentials, rooms });
const notice = new Notice();
const amending = new Amending({ chat, tell, changed: editingChanged });
const log = new LogView({
  fill: (hole) => chat.fill(conversations.current, hole),
  open: (line, opener) => amending.open(line, opener),
  reader: (line) => amending.reader(line),
  atEnd: see,
});
const outgoing = new OutgoingView({ retry, edit, discard });
const bar = new ConnectionBar({ connect: () => chat.connect(), rename, renew: () => entrance.renew() });
const composer = new Composer({ submit, changed: keepDraft, cancel: stopEditing });
const lists = new ListsView({ choose, write: (user) => choose(conversations.open("private", user)) });
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
  for (const room of new Set([...visit.rooms, ...(wanted ? [wanted] : [])])) conversations.open("room", room);
  show(conversations.find("room", wanted) ?? conversations.current);
  await entrance.begin();
  composer.focus();
}

/** The rooms to be in. */
function rooms() {
  const names = conversations.of("room").map((room) => room.name);
  return names.length === 0 && wanted ? [wanted] : names;
}

function rename() {
  hidePanels();
  return entrance.change();
}

function welcomed(event) {
  entrance.welcomed(event);
  chat.restoreOutgoing(visit.takeOutgoing(event.user));
}

function show(conversation) {
  conversations.current = conversation;
  if (conversation) {
    conversation.unread = 0;
    // What was typed before there was a conversation belongs to the first one.
    conversation.draft ||= visit.takeDraft(conversation.key) || (log.conversation ? "" : composer.text);
  }
  log.show(conversation);
  see();
  showAddress(conversation);
  draw();
}

/** What is on screen is not unread. */
function see() {
  const { current } = conversations;
  if (!current || document.hidden) return;
  current.unread = 0;
  extras.saw(current);
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
  see();
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
  showStrip(current, { isOffered: extras.hasTyping(current), me: chat.me });
  if (current?.editing) composer.show(current.editing.text, "Edit your message", "Save");
  else composer.show(current?.draft ?? composer.text, invitation(current));
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
  bar.show(detail, chat.queued, chat.expires);
  draw();
  if (detail.state === "closed") entrance.closed(detail);
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
  notice.hide();
  if (current.editing) {
    amending.save(current, text);
    return;
  }
  current.draft = "";
  extras.sent();
  log.toEnd();
  chat.write(current, text);
  bar.show(chat.connection, chat.queued, chat.expires);
  draw();
}

function keepDraft(text) {
  const { current } = conversations;
  if (!current) return;
  if (current.editing) current.editing.text = text;
  else {
    current.draft = text;
    extras.wrote(current, text);
  }
}

function editingChanged() {
  log.update();
  draw();
  composer.focus();
}

function stopEditing() {
  const { current } = conversations;
  if (current?.editing) amending.end(current);
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
  byId("editing-cancel").addEventListener("click", stopEditing);
  byId("skip").addEventListener("click", (event) => {
    event.preventDefault();
    composer.focus();
  });
  // A drawer belongs to narrow windows; in a wide one the same panels stand beside the messages.
  matchMedia("(max-width: 60rem)").addEventListener("change", hidePanels);
  document.addEventListener("visibilitychange", () => {
    if (!document.hidden && conversations.current) changed(conversations.current);
  });
  window.addEventListener("pagehide", () => visit.save(chat));
}
