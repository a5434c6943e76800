// Looks at documents without leaving the page: PDF, images and plain text, one after the other as the list has them.

import { ApiError, api } from "./api.js";
import { openDialog } from "./dialogs.js";
import { stepBack, stepOn } from "./steps.js";
import { waitOf } from "./transfer/words.js";
import { said } from "./words.js";

const LINKS = 'a[href^="/api/documents/"][href$="/content?disposition=inline"]';
const TEXTS = new Set(["text/plain", "text/csv", "application/xml"]);
const UNREADABLE = "Ce document ne peut pas être affiché ici. Téléchargez-le pour l’ouvrir.";

let viewer;
let stage;
// What is on the stage: `{close(), zoom(step)}`, the latter where it can be made larger.
let shown = null;
let current = null;
let aborting = new AbortController();

export function enhanceViewer() {
  viewer = document.getElementById("viewer");
  if (!viewer) return;
  stage = viewer.querySelector(".viewer-stage");
  document.addEventListener("click", opened);
  viewer.addEventListener("click", pressed);
  viewer.addEventListener("keydown", typed);
  viewer.addEventListener("close", closed);
  addEventListener("popstate", follow);
  // A page that was loaded again shows what it showed.
  follow();
}

async function opened(event) {
  const link = event.target.closest(LINKS);
  if (!link || event.button !== 0 || event.ctrlKey || event.metaKey || event.shiftKey || event.altKey) return;
  event.preventDefault();
  const id = idOf(link);
  await stepOn(() => ({ state: { ...history.state, viewer: id } }));
  follow();
}

function pressed(event) {
  const button = event.target.closest("button");
  if (!button) return;
  if ("close" in button.dataset) viewer.close();
  if ("again" in button.dataset) show(current);
  if (button.dataset.step) step(Number(button.dataset.step));
  if (button.dataset.zoom) shown?.zoom(button.dataset.zoom === "in" ? 1 : -1);
}

function typed(event) {
  if (event.ctrlKey || event.metaKey || event.altKey) return;
  // What is wider than the stage is moved with the same keys.
  const wide = stage.scrollWidth > stage.clientWidth;
  if (event.key === "ArrowLeft" && !wide) step(-1);
  if (event.key === "ArrowRight" && !wide) step(1);
  if (event.key === "+" || event.key === "-") shown?.zoom?.(event.key === "+" ? 1 : -1);
}

// Shows what the history says is looked at.
function follow() {
  const id = history.state?.viewer;
  if (!id) viewer.close();
  else if (id !== current) {
    if (!viewer.open) openDialog(viewer);
    show(id);
  }
}

// By its button, Escape, or a Back that has gone already.
function closed() {
  clear();
  current = null;
  if (history.state?.viewer) stepBack();
}

function step(by) {
  const next = neighbour(by);
  if (!next) return;
  history.replaceState({ ...history.state, viewer: next }, "");
  show(next);
}

// The document before or after this one among those the page lists.
function neighbour(by) {
  const listed = [...new Set([...document.querySelectorAll(LINKS)].filter((link) => !link.closest("dialog")).map(idOf))];
  const place = listed.indexOf(current);
  return place < 0 ? undefined : listed[place + by];
}

function idOf(link) {
  return link.pathname.split("/")[3];
}

async function show(id) {
  clear();
  current = id;
  const { signal } = aborting;
  // As it is in the browser's own store, where the catalog says that it is still right.
  const asked = { signal, told, cache: "default" };
  const content = `/api/documents/${id}/content`;
  viewer.querySelector("[data-download]").href = `${content}?disposition=attachment`;
  for (const button of viewer.querySelectorAll("[data-step]")) button.disabled = !neighbour(Number(button.dataset.step));
  // A button that can't be pressed any more, or has gone, hears no key.
  if (document.activeElement.disabled || document.activeElement === document.body) stage.focus();
  put("viewer-wait");
  try {
    const document = await api(`/api/documents/${id}`, { signal, told });
    viewer.querySelector("h2").textContent = document.name;
    viewer.querySelector("[data-download] span").textContent = `Télécharger ${document.name}`;
    await lay(document, { content: `${content}?disposition=inline`, asked, fail });
  } catch (error) {
    fail(error);
  }

  function fail(error) {
    if (!signal.aborted) refuse(error instanceof ApiError || error.forPeople ? error.message : UNREADABLE, error.isPassing);
  }
}

// Says that the catalog is waited for, until what is returned is called.
function told({ status, milliseconds }) {
  const note = document.createElement("p");
  note.className = "toast";
  note.textContent = said("viewer", status === 429 ? "busy" : "away", { wait: waitOf(milliseconds) });
  // Several pieces may wait; one sentence says it.
  viewer.querySelector(".viewer-note").replaceChildren(note);
  return () => note.remove();
}

async function lay(document, { content, asked, fail }) {
  const { signal } = asked;
  const show = await shower(document.content_type);
  if (signal.aborted) return;
  const handle = await show({ content, document, stage, viewer, asked, fail });
  if (signal.aborted) {
    handle.close();
    return;
  }
  shown = handle;
  viewer.querySelector(".viewer-zoom").hidden = !handle.zoom;
}

// Each kind is loaded when it is first looked at.
async function shower(type) {
  if (type === "application/pdf") return (await import("./viewer/pdf.js")).showPdf;
  if (type === "image/jpeg" || type === "image/png") return (await import("./viewer/image.js")).showImage;
  if (TEXTS.has(type)) return (await import("./viewer/text.js")).showText;
  throw Object.assign(new Error("Il n’y a pas d’aperçu pour ce type de fichier. Téléchargez-le pour l’ouvrir."), { forPeople: true });
}

function refuse(text, isPassing = false) {
  unload();
  put("viewer-refusal");
  stage.querySelector("[data-again]").hidden = !isPassing;
  stage.querySelector("p").textContent = text;
  stage.querySelector("a").href = viewer.querySelector("[data-download]").href;
}

function put(template) {
  stage.replaceChildren(document.getElementById(template).content.cloneNode(true));
}

function clear() {
  unload();
  viewer.querySelector("h2").textContent = "";
}

function unload() {
  aborting.abort();
  aborting = new AbortController();
  shown?.close();
  shown = null;
  stage.replaceChildren();
  viewer.querySelector(".viewer-page").textContent = "";
  viewer.querySelector(".viewer-zoom").hidden = true;
}
