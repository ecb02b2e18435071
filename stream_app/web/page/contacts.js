// The contacts that changed last, a page at a time, and the way to any contact by its id.

import { $, Turns, contactHash, contactsHash, el, link, say, show } from "./dom.js";
import { DEFAULT, ProfileChoice } from "./profile_choice.js";
import { clock, count, many, when, why } from "./words.js";

const PAGE = 25;

export class ContactsView {
  title = "Contacts";
  turns = new Turns();
  cursor = null;
  since = 0;
  profile = DEFAULT;

  constructor(app) {
    this.app = app;
    this.choice = new ProfileChoice(app, "contacts-profile", (profile) => {
      this.profile = this.choice.profile = profile;
      this.forget();
      this.load();
      return contactsHash(profile);
    });
    $("contacts-refresh").addEventListener("click", () => this.load());
    $("contacts-more").addEventListener("click", () => this.load(this.cursor));
    $("contacts-find").addEventListener("submit", (event) => {
      event.preventDefault();
      this.load();
    });
    $("contact-open").addEventListener("submit", (event) => {
      event.preventDefault();
      const id = $("contact-id").value.trim();
      if (id) location.hash = contactHash(id, this.profile);
    });
  }

  open(profile = DEFAULT) {
    this.profile = profile;
    $("contact-id").value = "";
    this.forget();
    this.choice.show(profile);
    this.load();
  }

  forget() {
    this.cursor = null;
    $("contacts").replaceChildren();
    for (const part of ["contacts-more", "contacts-none"]) show(part, false);
    say("contacts-end", "");
  }

  close() {
    this.turns.next();
  }

  changed() {
    const more = this.app.changes - this.since;
    $("contacts-new").textContent = more ? `${many(more, "change")} since.` : "";
  }

  async load(cursor = null) {
    const current = this.turns.next();
    const minimum = $("contacts-from").value.trim();
    const since = this.app.changes;
    const query = { sort: "-changed", limit: PAGE, profileId: this.profile, ...(minimum && { minScore: minimum }), ...(cursor && { cursor }) };
    const answer = await this.app.api.get("/contacts", query);
    if (!current()) return;
    say("contacts-why", answer.ok ? "" : why(answer));
    if (!answer.ok) return;
    const { data, meta } = answer.body;
    const before = $("contacts").children.length;
    if (cursor) $("contacts").append(...data.map(row));
    else {
      $("contacts").replaceChildren(...data.map(row));
      this.since = since;
      this.changed();
    }
    this.cursor = meta.nextCursor;
    this.tell(minimum, meta, data.at(-1));
    if (cursor) $("contacts").children[before]?.querySelector("a").focus();
  }

  tell(minimum, { complete, exactSince }, last) {
    show("contacts-more", Boolean(this.cursor));
    show("contacts-none", !$("contacts").children.length);
    $("contacts-none-text").textContent = minimum
      ? `No contact with a score of ${minimum} or more is among those that changed last.`
      : "They appear with their first event.";
    const exact = complete || (this.cursor && last.changedAt >= exactSince);
    say("contacts-end", exact ? "" : `Contacts that have not changed since ${when(exactSince)} may be missing. Open them by their id.`);
    $("contacts-as-of").textContent = `As of ${clock.format(new Date())}.`;
  }
}

function row(contact) {
  const made = el("tr");
  const who = el("td", "who");
  const id = String(contact.contactId);
  who.append(link(contactHash(id, contact.profileId), id));
  made.append(who, el("td", "mail", contact.email ?? ""), el("td", "num score", count.format(contact.leadScore)), el("td", "num when", when(contact.changedAt)));
  return made;
}
