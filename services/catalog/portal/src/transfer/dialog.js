// The dialog *Transférer des documents*: hands the queue what the person chooses, and shows what becomes of it.

import { confirm, openDialog } from "../dialogs.js";
import { refresh } from "../refresh.js";
import { askToSignIn } from "../session.js";
import { counted } from "../words.js";
import { onBar } from "./bar.js";
import { Choosing } from "./choosing.js";
import { warnBeforeLeaving } from "./leaving.js";
import { openQueue } from "./queue.js";
import { Settings } from "./settings.js";
import { View, headline } from "./view.js";
import { Voice } from "./voice.js";
import { WORDS } from "./words.js";

const NOTHING_CHOSEN = "Choisissez d’abord un ou plusieurs fichiers.";
const DECIDE = "Pour chaque fichier signalé, choisissez d’abord ce qu’il faut en faire.";
const INCOMPLETE = "Complétez les champs marqués d’un astérisque.";
const BUSY = "Terminez ou supprimez d’abord les fichiers de la liste.";
const ONE_AT_A_TIME = "Un fichier est déjà en cours de transfert pour remplacer ce document.";
const LINE_LOST = "La connexion est interrompue. Le transfert reprendra de lui-même.";
const GOES_ON = "Le transfert reprend.";

const dialog = document.getElementById("transfer");
const voice = new Voice(dialog);
const settings = new Settings(changed);
const choosing = new Choosing(dialog, { onFiles: add, onAgain: (id, file) => queue.chooseAgain(id, file) });
const actions = { close: () => dialog.close(), start, again, "remove-all": removeAll, "sign-in": askToSignIn };
const rowActions = {
  send: (id) => queue.sendAnyway(id),
  remove: (id) => queue.remove(id),
  choose: (id) => choosing.again(id),
};

let queue = null;
let view = null;
let following = null;
// What the pressed button asked for, while other files come first.
let postponed = null;
let lineUp = true;
let drawing = 0;

// Opens the dialog as `opener` says (an element with `data-transfer`, or null), with files that were dropped already.
export async function openTransfer(opener, dropped) {
  if (!dialog.open) {
    openDialog(dialog);
    await follow();
    prepare(opener);
  }
  if (dropped) choosing.take(dropped);
}

// Shows, in the bar, what an earlier page left unfinished.
export async function offerUnfinished() {
  await follow();
  draw();
}

function follow() {
  following ??= begin();
  return following;
}

async function begin() {
  listen();
  queue = await openQueue({ sub: document.body.dataset.sub });
  view = new View(dialog, queue);
  const kept = queue.files.find((file) => file.followsFields) ?? queue.files[0];
  if (kept) settings.preset(presetOf(kept.settings));
  for (const event of ["change", "progress", "signed-out", "signed-in"]) queue.addEventListener(event, soon);
  queue.addEventListener("signed-in", () => queue.running && voice.say(GOES_ON));
  queue.addEventListener("deposited", () => refresh());
  queue.addEventListener("line", ({ detail: { up } }) => {
    if (lineUp && !up) voice.say(LINE_LOST);
    lineUp = up;
    soon();
  });
}

function listen() {
  dialog.addEventListener("click", ({ target }) => {
    const button = target.closest("[data-do], [data-act]");
    if (!button || button.getAttribute("aria-disabled") === "true") return;
    if (!queue && button.dataset.do !== "close") return; // what was kept is still being read
    actions[button.dataset.do]?.(button);
    rowActions[button.dataset.act]?.(button.closest("tr").dataset.file);
  });
  dialog.addEventListener("close", () => {
    if (!queue) return;
    if (queue.files.every((file) => file.hasEnded)) clear(); // how it ended was seen
    draw();
  });
  onBar(() => {
    openDialog(dialog);
    draw();
  });
  warnBeforeLeaving(() => queue?.running);
}

// Presets the fields as the pressed button says; files that wait or are on their way come first.
function prepare(opener) {
  const wanted = opener?.dataset ?? {};
  choosing.complain("");
  postponed = null;
  // A refusal that nobody has seen yet stays; closing the dialog takes it away.
  const isNews = ({ hasEnded, state }) => !hasEnded || state === "refused";
  if (!queue.files.some(isNews)) renew(wanted);
  else if (opener && settings.isOther(wanted)) postponed = wanted;
  draw();
}

// Takes the ended files away and begins with fresh fields.
function renew(wanted) {
  clear();
  settings.preset(wanted);
}

function clear() {
  for (const { id } of queue.files) queue.remove(id);
}

async function add(files) {
  await follow();
  if (postponed) {
    if (queue.files.some((file) => !file.hasEnded)) return choosing.complain(BUSY);
    renew(postponed);
    postponed = null;
  }
  if (settings.mode === "replace") {
    const before = queue.files.filter((file) => !file.hasEnded);
    if (before.some((file) => file.isStarted)) return choosing.complain(ONE_AT_A_TIME);
    for (const { id } of before) queue.remove(id);
  }
  queue.add(files, settings.value);
}

function changed() {
  choosing.complain("");
  queue?.settle(settings.value);
}

function start() {
  choosing.complain("");
  const ready = queue.files.filter((file) => file.isReady);
  if (ready.length === 0) return choosing.complain(queue.files.some((file) => !file.hasEnded) ? DECIDE : NOTHING_CHOSEN);
  const field = settings.missing();
  if (field) {
    choosing.complain(INCOMPLETE);
    return field.focus();
  }
  queue.settle(settings.value);
  queue.start();
  voice.say(counted(WORDS, "started", ready.length));
}

async function removeAll({ dataset: { title, question, action } }) {
  if (queue.running && !(await confirm({ title, text: question, action, danger: true }))) return;
  queue.removeAll();
  dialog.querySelector("[data-do=browse]").focus();
}

function again() {
  renew({ ...presetOf(settings.value), replaces: null, replacedName: null });
  draw();
  dialog.querySelector("[data-do=browse]").focus();
}

function presetOf({ label, folder, ...value }) {
  return { ...value, folder: label ?? folder };
}

// Many changes at once are drawn once.
function soon() {
  drawing ||= requestAnimationFrame(draw);
}

function draw() {
  cancelAnimationFrame(drawing);
  drawing = 0;
  const { files, running } = queue;
  settings.freeze(running);
  choosing.onlyOne(settings.mode === "replace");
  choosing.show(files.filter((file) => !file.hasEnded).length);
  const turned = view.draw({ mode: settings.mode, notice: notice() });
  const end = turned && view.phase === "finished" ? `${headline(files, settings.mode)}.` : "";
  const said = [voice.newsOf(files, settings.mode), end].filter(Boolean).join(" ");
  if (said) voice.say(said);
}

function notice() {
  if (queue.isSignedOut) return "session";
  if (!lineUp && queue.running) return "line";
  return postponed ? "busy" : "";
}
