// One rule: added, edited or deleted, or only shown to a key that may not.
// Laws: an edit or deletion holds for the version that was shown (If-Match), and a conflict asks whose words shall stay;
// what was typed stays on the page whatever becomes of the request; a rule that may have been added is sent again under
// the same key.

import { Once } from "./api.js";
import { $, Turns, ruleHash, say, show } from "./dom.js";
import { parseExactly } from "./exact.js";
import { RuleForm, summary } from "./rule_form.js";
import { again, why } from "./words.js";

const IN_FORCE = "It holds for every event from now on.";
const SOON = "Kafka has it; it holds as soon as the worker has read it.";

export class RuleView {
  title = "Rule";
  turns = new Turns();
  once = new Once();
  id = "new";
  rule = null;
  etag = null;

  constructor(app) {
    this.app = app;
    this.form = new RuleForm();
    $("rule").addEventListener("submit", (event) => {
      event.preventDefault();
      this.save();
    });
    $("rule-theirs").addEventListener("click", () => this.open(this.id));
    $("rule-mine").addEventListener("click", () => this.rebase());
    $("rule-delete").addEventListener("click", () => this.sure());
    $("delete-yes").addEventListener("click", () => this.remove());
    $("delete-no").addEventListener("click", () => $("delete").close());
  }

  open(id) {
    Object.assign(this, { id, rule: null, etag: null });
    this.clear();
    if (id !== "new") return this.load();
    this.once.renew();
    this.form.fill({});
    this.draw();
  }

  close() {
    this.turns.next();
    this.clear();
    $("delete").close();
  }

  clear() {
    for (const part of ["rule-why", "rule-done"]) say(part, "");
    show("rule-conflict", false);
    this.draw();
  }

  allowed() {
    this.draw();
  }

  draw() {
    const { known, admin } = this.app.access;
    const adding = this.id === "new";
    $("rule-title").textContent = adding ? "New rule" : (this.rule?.name ?? "Rule");
    show("rule", admin && (adding || this.rule !== null));
    show("rule-summary", known && !admin && this.rule !== null);
    show("rule-delete", !adding);
    $("rule-save").textContent = adding ? "Add rule" : "Save";
    if (this.rule) $("rule-summary").replaceChildren(...summary(this.rule));
  }

  read() {
    return this.app.api.get(`/scoring/rules/${encodeURIComponent(this.id)}`, {}, { parse: parseExactly });
  }

  async load() {
    const current = this.turns.next();
    const answer = await this.read();
    if (!current()) return;
    if (!answer.ok) return say("rule-why", why(answer));
    this.shown(answer);
    this.form.fill(this.rule);
    this.draw();
  }

  shown({ body, etag }) {
    Object.assign(this, { rule: body.data, etag });
  }

  async save() {
    const adding = this.id === "new";
    this.quiet();
    if (this.form.complain(this.form.wrong())) return;
    const body = adding ? this.form.body() : this.form.changes();
    if (!Object.keys(body).length) return say("rule-done", "Nothing was changed.");
    const answer = await this.send(adding ? "POST" : "PUT", body);
    if (!answer) return;
    if (!answer.ok) return this.failed(answer);
    this.once.renew();
    this.id = String(answer.body.data.id);
    if (adding) history.replaceState(null, "", ruleHash(this.id));
    this.shown(answer);
    this.form.fill(this.rule);
    this.draw();
    say("rule-done", [adding ? "Added." : "Saved.", answer.status === 202 ? SOON : IN_FORCE, ...this.form.warn(answer.body.meta?.warnings)].join(" "));
  }

  // Answers nothing when the view shows something else meanwhile.
  async send(method, body) {
    const current = this.turns.next();
    const adding = method === "POST";
    const headers = adding ? this.once.headers(body) : { "If-Match": this.etag };
    const route = `/scoring/rules${adding ? "" : `/${encodeURIComponent(this.id)}`}`;
    for (const button of ["rule-save", "rule-delete"]) $(button).disabled = true;
    const answer = await this.app.api.ask(method, route, { body, headers, parse: parseExactly });
    for (const button of ["rule-save", "rule-delete"]) $(button).disabled = false;
    return current() ? answer : null;
  }

  quiet() {
    say("rule-done", "");
    show("rule-conflict", false);
  }

  failed(answer) {
    if (answer.status === 412) return this.conflict();
    if (answer.status === 404) return this.form.complain([], "Somebody has deleted this rule meanwhile. Nothing was changed.");
    const errors = answer.body?.code === "other_site" ? [{ pointer: "/siteId", message: answer.body.detail }] : answer.body?.errors;
    this.form.complain(errors, why(answer) + (this.id === "new" ? again(answer) : ""));
  }

  conflict() {
    show("rule-conflict", true);
    $("rule-theirs").focus();
  }

  async rebase() {
    if (this.form.complain(this.form.wrong())) return;
    const current = this.turns.next();
    const answer = await this.read();
    if (!current()) return;
    if (!answer.ok) return this.failed(answer);
    this.shown(answer);
    this.form.rebase(this.rule);
    this.draw();
    show("rule-conflict", false);
    say("rule-done", "Your changes stand over the newest version. Save them when they are right.");
    $("rule-save").focus();
  }

  sure() {
    this.quiet();
    $("delete-name").textContent = this.rule.name;
    $("delete").showModal();
    $("delete-no").focus();
  }

  async remove() {
    $("delete").close();
    const { name } = this.rule;
    const answer = await this.send("DELETE");
    if (!answer) return;
    if (!answer.ok) return this.failed(answer);
    location.hash = "#/rules";
    say("rules-done", `“${name}” is deleted. The points that it paid stay.`);
  }
}
