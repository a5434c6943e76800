// The session of whoever is signed in: looked at, and renewed in place when it has ended.
//
// The provider's pages cut a window from its opener, so the window that signs in tells the others by BroadcastChannel.

import { confirm, openDialog } from "./dialogs.js";
import { fetchPatiently } from "./patience.js";
import { countKept, forget } from "./transfer/kept.js";

const WINDOW = "popup,width=480,height=720";
const LEAVING_WITHIN = 2_000;
const SIGNED_OUT = "/au-revoir";
const channel = new BroadcastChannel("session");
let looking = null;
let renewing = null;
// They were asked, and will sign in later.
let isPutOff = false;

// Events: "signed-in" (the same person again), "leaving" (who prevents it has something to lose), "left" (this person
// signed out, here or in another window), "ended" (they did so everywhere: what is under way waits until they are back).
export const session = new EventTarget();

// "same" while this page's person is signed in, "none" for nobody, "other" for somebody else, "unknown" where no
// answer came. Never shows anything.
export function sessionNow() {
  looking ??= look().finally(() => {
    looking = null;
  });
  return looking.then(({ state }) => state);
}

// Whether this page's person is signed in, as far as can be told; whoever isn't is asked to sign in.
export async function signedInOrAsked() {
  const isMissing = ["none", "other"].includes(await sessionNow());
  if (isMissing) renew();
  return !isMissing;
}

// Has the person sign in again. Resolves to true once the same person is signed in, to false when they put it off.
export function renew() {
  renewing ??= renewed().finally(() => {
    renewing = null;
  });
  return renewing;
}

// Shows once more that this page's person is to sign in, whether or not they put it off.
export function askToSignIn() {
  if (renewing) settle();
  else renew();
}

export function startSession() {
  const connected = document.querySelector("[data-connected]");
  if (connected) {
    channel.postMessage({ signedIn: connected.dataset.connected });
    window.close();
    return;
  }
  if (!owner()) return;
  channel.postMessage({ signedIn: owner() });
  channel.addEventListener("message", ({ data }) => {
    if (data.left === owner()) leftElsewhere("left");
    else if (data.ended === owner()) leftElsewhere("ended");
    else if (data.signedIn === owner()) lookAgain();
    else if (data.signedIn) askToSignIn();
  });
  addEventListener("focus", lookAgain);
  // On a phone, a page that comes back to the front is not always told of a focus.
  document.addEventListener("visibilitychange", () => document.hidden || lookAgain());
  document.querySelector("form[action='/logout']")?.addEventListener("submit", leave);
  document.querySelector("[data-everywhere]").addEventListener("click", askEverywhere);
  for (const form of document.querySelectorAll("form[action='/logout?everywhere=true']")) {
    form.addEventListener("submit", leaveEverywhere);
  }
  dialog().querySelector("[data-sign-in]").addEventListener("click", openSignIn);
  dialog().querySelector("[data-reload]").addEventListener("click", () => location.assign("/"));
}

function owner() {
  return document.body.dataset.sub;
}

function dialog() {
  return document.getElementById("session");
}

async function look() {
  try {
    const answer = await fetchPatiently("/api/me");
    if (answer.status === 401) return { state: "none" };
    if (!answer.ok) return { state: "unknown" };
    const { sub, name } = await answer.json();
    return { state: sub === owner() ? "same" : "other", name };
  } catch {
    return { state: "unknown" };
  }
}

async function renewed() {
  const state = await settle();
  if (state === "same") return true;
  // Whoever calls this was told so, by an answer that came.
  if (state === "unknown") show("none");
  const isSignedIn = await new Promise((resolve) => {
    session.addEventListener("signed-in", () => resolve(true), { once: true });
    dialog().addEventListener("close", () => resolve(false), { once: true });
  });
  isPutOff = !isSignedIn;
  return isSignedIn;
}

// Whoever put it off may have signed in meanwhile, in another window; where they haven't, they are not asked again.
async function lookAgain() {
  if (renewing) settle();
  else if (isPutOff && (await look()).state === "same") admit();
}

// Looks who is signed in, and shows it where it isn't this page's person.
async function settle() {
  const { state, name } = await look();
  if (state === "same") admit();
  else if (state !== "unknown") show(state, name);
  return state;
}

function admit() {
  isPutOff = false;
  session.dispatchEvent(new Event("signed-in"));
  dialog().close();
}

function show(state, name = "") {
  for (const part of dialog().querySelectorAll("[data-when]")) part.hidden = part.dataset.when !== state;
  for (const place of dialog().querySelectorAll("[data-other-name]")) place.textContent = name;
  dialog().setAttribute("aria-labelledby", `session-title-${state}`);
  if (!dialog().open) openDialog(dialog());
}

function openSignIn() {
  const opened = window.open("/login?next=/connecte", "connexion", WINDOW);
  // Where no window may be opened, the page itself goes there; transfers come back with it.
  if (!opened) location.assign(`/login?next=${encodeURIComponent(location.pathname + location.search)}`);
}

// Nothing of a person who signed out stays to be seen in any window.
function leftElsewhere(how) {
  session.dispatchEvent(new Event(how));
  location.replace(SIGNED_OUT);
}

// Signing out on a computer that others use leaves nothing of this person's files behind.
async function leave(event) {
  event.preventDefault();
  // What another window of this person is sending is cancelled too.
  const isFree = session.dispatchEvent(new Event("leaving", { cancelable: true })) && !(await countKept(owner()));
  if (!isFree && !(await confirm({ ...dialog().querySelector("[data-leaving]").dataset, danger: true }))) return;
  const late = new Promise((resolve) => setTimeout(resolve, LEAVING_WITHIN));
  channel.postMessage({ left: owner() });
  session.dispatchEvent(new Event("left"));
  await Promise.race([forget(owner()), late]);
  event.target.submit();
}

function askEverywhere(event) {
  event.preventDefault();
  openDialog(document.getElementById("everywhere"));
}

// What is unfinished is kept, as on the person's other devices: it goes on once they are back.
function leaveEverywhere({ submitter }) {
  if (submitter?.formMethod === "dialog") return;
  channel.postMessage({ ended: owner() });
  session.dispatchEvent(new Event("ended"));
}
