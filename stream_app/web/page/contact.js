// One contact: its score, its log back to the first row that is kept, and points given by hand.
// Laws: a change that the stream tells is shown without leaving the place in the log; an adjustment whose outcome is not
// known is sent again under the same key, so it acts once.

import { Once } from "./api.js";
import { $, Turns, contactHash, contactsHash, el, link, ruleHash, say, show } from "./dom.js";
import { place } from "./problems.js";
import { DEFAULT, ProfileChoice } from "./profile_choice.js";
import { again, chip, count, many, signed, when, why } from "./words.js";

const PAGE = 20;
const SETTLE_MS = 300;
const FIELDS = { points: "adjust-points", reason: "adjust-reason" };

export class ContactView {
  title = "Contact";
  turns = new Turns();
  once = new Once();
  contact = "";
  profile = DEFAULT;
  rows = [];
  score = null;
  waiting = 0;

  constructor(app) {
    this.app = app;
    this.choice = new ProfileChoice(app, "contact-profile", (profile) => {
      this.close();
      this.open(this.contact, profile);
      return contactHash(this.contact, profile);
    });
    $("contact-refresh").addEventListener("click", () => this.load());
    $("contact-older").addEventListener("click", () => this.load(this.rows.at(-1)?.id));
    $("adjust").addEventListener("submit", (event) => {
      event.preventDefault();
      this.adjust();
    });
  }

  open(contact, profile = DEFAULT) {
    Object.assign(this, { contact, profile, rows: [], score: null });
    $("contact-list").href = contactsHash(profile);
    $("contact-title").textContent = `Contact ${contact}`;
    $("contact-log").replaceChildren();
    for (const id of ["contact-score", "contact-email", "contact-earlier"]) $(id).textContent = "";
    show("contact-older", false);
    $("adjust").reset();
    this.once.renew();
    place("adjust", FIELDS, []);
    say("adjust-done", "");
    this.allowed();
    this.choice.show(profile).then(() => {
      this.allowed();
      if (this.score) this.draw();
    });
    this.load();
  }

  // A score that is made of others is adjusted where they are.
  allowed() {
    const { write } = this.app.access;
    show("adjust", write && !this.choice.derived);
    show("adjust-derived", write && this.choice.derived);
  }

  close() {
    this.turns.next();
    clearTimeout(this.waiting);
    this.waiting = 0;
  }

  changed(contact) {
    if (String(contact) !== this.contact || this.waiting) return;
    this.waiting = setTimeout(() => {
      this.waiting = 0;
      this.load();
    }, SETTLE_MS);
  }

  async load(before) {
    const current = this.turns.next();
    const query = { limit: PAGE, profileId: this.profile, ...(before && { before }) };
    const answer = await this.app.api.get(`/contacts/${encodeURIComponent(this.contact)}/score`, query);
    if (!current()) return;
    say("contact-why", answer.ok ? "" : why(answer));
    if (answer.status === 404) this.rows = [];
    if (answer.ok) this.take(answer.body.data, before);
    else if (answer.status === 404) this.draw({ leadScore: null, earlier: { count: 0 }, complete: true });
  }

  // New rows go before the known ones where they meet; where they do not, the log begins anew.
  take(score, before) {
    const last = score.logs.at(-1)?.id ?? 0;
    if (before) this.rows.push(...score.logs);
    else {
      const meets = this.rows[0]?.id >= last;
      this.rows = [...score.logs, ...(meets ? this.rows.filter((row) => row.id < last) : [])];
      if (this.rows.length > score.logs.length) score.earlier = earlier(score, this.rows);
    }
    this.draw(score);
    if (before) $("contact-log").children[this.rows.length - score.logs.length]?.focus();
  }

  draw(score = this.score) {
    this.score = score;
    const { leadScore, email, earlier: { count: older, points }, complete, logs } = score;
    $("contact-score").textContent = leadScore === null ? "" : count.format(leadScore);
    $("contact-email").textContent = email ?? "";
    $("contact-log").replaceChildren(...this.rows.map(entry));
    const kept = older > 0 && logs?.length > 0;
    show("contact-older", kept);
    $("contact-earlier").textContent = leadScore === null ? "" : remainder({ older, points, kept, complete, rows: this.rows.length, derived: this.choice.derived });
  }

  async adjust() {
    const { points, reason } = readAdjustment();
    const body = { points, ...(reason && { reason }), ...(this.profile !== DEFAULT && { profileId: this.profile }) };
    say("adjust-done", "");
    if (place("adjust", FIELDS, typeof points === "number" ? [] : [{ pointer: "/points", message: "Type a whole number." }])) return;
    const { contact, profile } = this;
    $("adjust-send").disabled = true;
    const route = `/contacts/${encodeURIComponent(contact)}/score`;
    const answer = await this.app.api.ask("POST", route, { body, headers: this.once.headers(body) });
    $("adjust-send").disabled = false;
    if (contact !== this.contact || profile !== this.profile) return;
    if (!answer.ok) return place("adjust", FIELDS, answer.body?.errors, `${why(answer)}${again(answer)}`);
    this.once.renew();
    $("adjust").reset();
    const done = answer.body.data;
    const now = () => `${signed(done.pointsAdded)} points. The score is ${count.format(done.newScore)} now.`;
    say("adjust-done", answer.status === 202 ? "Taken. The log will show it when it is applied." : now());
    this.load();
  }
}

function readAdjustment() {
  const text = $("adjust-points").value.trim().replace("−", "-");
  const number = Number(text);
  return { points: /^[+-]?\d+$/.test(text) && Number.isSafeInteger(number) ? number : text, reason: $("adjust-reason").value.trim() };
}

// What lies before the rows that are shown.
function remainder({ older, points, kept, complete, rows, derived }) {
  if (derived) return "This score is made of others: their logs have the awards.";
  if (!older) return rows ? "Every award is shown." : "No award yet.";
  const end = kept ? "" : complete ? " that are no longer listed one by one" : " that are being read";
  return `${signed(points)} points from ${many(older, "earlier award")}${end}.`;
}

function earlier({ awards }, rows) {
  return { count: awards.count - rows.length, points: awards.points - rows.reduce((sum, row) => sum + row.points, 0) };
}

function entry(row) {
  const item = el("li");
  item.tabIndex = -1;
  const reason = row.ruleId === null ? el("span", "", row.reason) : link(ruleHash(row.ruleId), row.reason);
  item.append(chip(row.points), reason, el("span", "small", when(row.createdAt)));
  return item;
}
