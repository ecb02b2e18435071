// The rules of the org with how often each has fired.

import { $, Turns, el, link, ruleHash, say, show } from "./dom.js";
import { chip, clock, count, many, why } from "./words.js";

export class RulesView {
  title = "Rules";
  turns = new Turns();

  constructor(app) {
    this.app = app;
    $("rules-refresh").addEventListener("click", () => this.load());
  }

  open() {
    $("rules").replaceChildren();
    this.load();
  }

  close() {
    this.turns.next();
    say("rules-done", "");
  }

  async load() {
    const current = this.turns.next();
    const [rules, fires] = await Promise.all([this.all(), this.app.api.get("/scoring/fires")]);
    if (!current()) return;
    say("rules-why", rules.ok ? (fires.ok ? "" : `How often rules fired is not known now. ${why(fires)}`) : why(rules));
    if (!rules.ok) return;
    const counts = new Map(fires.ok ? fires.body.data.map((row) => [row.ruleId, row]) : []);
    $("rules").replaceChildren(...rules.found.map((rule) => row(rule, counts.get(rule.id))));
    show("rules-none", rules.found.length === 0);
    $("rules-as-of").textContent = fires.ok ? `${many(rules.found.length, "rule")}. Counted at ${clock.format(new Date(fires.body.meta.asOf))}.` : "";
  }

  async all() {
    const found = [];
    for (let cursor; cursor !== null;) {
      const answer = await this.app.api.get("/scoring/rules", cursor ? { cursor } : {});
      if (!answer.ok) return answer;
      found.push(...answer.body.data);
      cursor = answer.body.meta.nextCursor;
    }
    return { ok: true, found };
  }
}

function row(rule, fires) {
  const made = el("tr");
  const who = el("td", "who");
  who.append(link(ruleHash(rule.id), rule.name), el("small", "", [rule.category, rule.siteId === null ? "" : `site ${rule.siteId}`].filter(Boolean).join(", ")));
  const points = el("td", "num points");
  points.append(chip(rule.points));
  const [state, style] = now(rule);
  const status = el("td", "status");
  status.append(el("span", `chip ${style}`, state));
  made.append(who, points, el("td", "type", paysFor(rule)), figure("fired", fires?.fires), figure("contacts", fires?.contacts), status);
  return made;
}

function paysFor({ eventType, inactivity, page }) {
  if (inactivity) return `${many(inactivity.days, "day")} of silence`;
  return eventType === null ? "condition" : [eventType, page?.url].filter(Boolean).join(" ");
}

function figure(label, number) {
  const cell = el("td", "num", number === undefined ? "–" : count.format(number));
  cell.dataset.label = label;
  return cell;
}

// Whether events of this moment can fire it.
function now({ active, publishUp, publishDown }) {
  if (!active) return ["Off", "flat"];
  if (publishUp && Date.parse(publishUp) > Date.now()) return ["Later", "flat"];
  if (publishDown && Date.parse(publishDown) < Date.now()) return ["Over", "flat"];
  return ["On", "up"];
}
