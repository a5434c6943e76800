// *Alerter vos contacts*: the checkboxes of one account's contacts.

import { ApiError, api } from "../api.js";
import { showFor, write } from "./show.js";

export class Contacts {
  #section = document.querySelector(".transfer .contacts");
  #list = document.getElementById("transfer-contacts");
  #template = document.getElementById("transfer-contact");
  // Null where none was asked for, or could not be read.
  #client = null;
  // Who is to be ticked once they are listed; null from then on.
  #awaited = [];
  // How often contacts were asked for: only the last answer is shown.
  #asked = 0;

  // The ids of those that are ticked.
  get ticked() {
    return this.#awaited ?? [...this.#list.querySelectorAll("input:checked")].map((box) => box.value);
  }

  // Shows an account's contacts, with those ticked that `alert` names; without it, another account's none, the same
  // account's as they are. "" is for no account.
  async show(client, alert) {
    if (client === this.#client) return alert && this.#tick(alert);
    this.#awaited = alert ?? (this.#client === null ? this.ticked : []);
    this.#client = client;
    this.#list.replaceChildren();
    const mine = ++this.#asked;
    if (!client) return this.#say("unasked");
    this.#say("loading");
    const contacts = await contactsOf(client);
    if (mine === this.#asked) this.#take(contacts);
  }

  // Shows what came of the last question; null is for no answer.
  #take(contacts) {
    if (contacts === null) {
      this.#client = null;
      return this.#say("failed");
    }
    this.#list.replaceChildren(...contacts.map((contact) => this.#choice(contact)));
    const alerted = this.#awaited;
    this.#awaited = null;
    this.#tick(alerted);
    this.#say(contacts.length ? "listed" : "none");
  }

  #tick(alert) {
    if (this.#awaited) this.#awaited = alert;
    for (const box of this.#list.querySelectorAll("input")) box.checked = alert.includes(box.value);
  }

  #say(contacts) {
    showFor(this.#section, { contacts });
  }

  #choice({ id, name, role }) {
    const choice = this.#template.content.firstElementChild.cloneNode(true);
    choice.querySelector("input").value = id;
    write(choice, { name });
    showFor(choice, { role });
    return choice;
  }
}

// Null where they could not be read.
async function contactsOf(client) {
  try {
    return await api(`/api/contacts?client=${encodeURIComponent(client)}`);
  } catch (error) {
    if (!(error instanceof ApiError)) throw error;
    return null;
  }
}
