// Wires the page: the key, what it may do, and which view the address shows.
// Laws: the key lives in memory and this tab's sessionStorage, is sent in a header, and leaves the address bar at once;
// every view has an address, so links, back and reload work.

import { UNKNOWN, accessOf } from "./access.js";
import { Api } from "./api.js";
import { ContactView } from "./contact.js";
import { ContactsView } from "./contacts.js";
import { $, show } from "./dom.js";
import { Live } from "./live.js";
import { RuleView } from "./rule.js";
import { RulesView } from "./rules.js";

const STORED = "leadstream-key";

// What views share: the session's api, what its key may do, the org's profiles, how many changes the stream has told.
const app = { api: null, access: UNKNOWN, profiles: [], changes: 0 };
const live = new Live({
  refused: (text) => ask(text),
  changed: (contact) => {
    app.changes += 1;
    shown?.changed?.(contact);
  },
});
const views = {
  live: { title: "Live", open: () => live.draw() },
  contacts: new ContactsView(app),
  contact: new ContactView(app),
  rules: new RulesView(app),
  rule: new RuleView(app),
};
let shown = null;

function fragmentSession() {
  const fragment = new URLSearchParams(location.hash.slice(1));
  if (!fragment.get("key")) return null;
  history.replaceState(null, "", location.pathname);
  return { key: fragment.get("key"), org: fragment.get("org") ?? "" };
}

function storedSession() {
  try {
    return JSON.parse(sessionStorage.getItem(STORED));
  } catch {
    return null;
  }
}

function ask(problem = "") {
  app.api = null;
  leave();
  live.stop(problem ? "error" : "off", problem ? "Not authorised" : "Not connected");
  sessionStorage.removeItem(STORED);
  signedIn(false);
  $("key-error").textContent = problem;
  $("key").setAttribute("aria-invalid", String(Boolean(problem)));
  $("key").focus();
}

function start(session) {
  const api = new Api(session, () => api === app.api && ask("This key is not valid."));
  Object.assign(app, { api, profiles: [], changes: 0 });
  allow(UNKNOWN);
  sessionStorage.setItem(STORED, JSON.stringify(session));
  signedIn(true);
  live.start(api);
  route();
  accessOf(api).then((access) => api === app.api && allow(access));
}

function signedIn(yes) {
  show("gate", !yes);
  show("views", yes);
  show("tabs", yes);
  show("forget", yes);
}

function allow(access) {
  app.access = access;
  for (const part of document.querySelectorAll("[data-needs]")) part.hidden = !access[part.dataset.needs];
  for (const part of document.querySelectorAll("[data-lacks]")) part.hidden = !access.known || access[part.dataset.lacks];
  shown?.allowed?.();
}

function wanted() {
  const [path, query] = location.hash.replace(/^#\/?/, "").split("?", 2);
  const [name, ...rest] = path.split("/");
  if (name === "contacts" || name === "rules") {
    const given = rest.filter(Boolean).map(decoded);
    if (given.length) return [name.slice(0, -1), given, name];
    return [name, [new URLSearchParams(query).get("profile") || undefined], name];
  }
  return ["live", [], "live"];
}

function decoded(text) {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}

function leave() {
  shown?.close?.();
  shown = null;
}

function route({ focus = false } = {}) {
  leave();
  const [name, given, tab] = wanted();
  for (const view of Object.keys(views)) show(`view-${view}`, view === name);
  for (const link of $("tabs").children) {
    if (link.dataset.tab === tab) link.setAttribute("aria-current", "page");
    else link.removeAttribute("aria-current");
  }
  shown = views[name];
  document.title = `${shown.title} · leadstream`;
  shown.open(...given);
  if (focus) $(`${name}-title`).focus();
}

$("key-form").addEventListener("submit", (event) => {
  event.preventDefault();
  const key = $("key").value.trim();
  if (!key) return ask("Enter a key first.");
  $("key").value = "";
  start({ key, org: $("org").value.trim() });
});
$("forget").addEventListener("click", () => ask());
$("skip").addEventListener("click", (event) => {
  event.preventDefault();
  const title = [...document.querySelectorAll("main h2[tabindex]")].find((one) => one.checkVisibility());
  (title ?? $("key")).focus();
});
addEventListener("hashchange", () => {
  const given = fragmentSession();
  if (given) start(given);
  else if (app.api) route({ focus: true });
});

const known = fragmentSession() ?? storedSession();
if (known?.key) start(known);
else ask();
