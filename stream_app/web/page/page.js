// Wires the page: the key, the stream, the drawing.
// Laws: the key lives in memory and this tab's sessionStorage, is sent in a header, and leaves the address bar at once.

import { Board } from "./board.js";
import { Stream, read } from "./stream.js";
import { $, drawContact, drawCrossings, drawFigures, drawPartitions, drawRows, forgetPartitions, show } from "./view.js";

const STORED = "leadstream-key";
const ACCOUNTING_MS = 2000;
const NEWS_MS = 10_000;

let session = null;
let board = new Board();
let stream = null;
let paused = false;
let drawn = { changes: -1, find: "" };
let told = { seen: 0, crossed: 0 };

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

function path(route, query = {}) {
  const all = new URLSearchParams({ ...query, ...(session.org ? { orgId: session.org } : {}) });
  return `/v1${route}?${all}`;
}

function state(name, text) {
  $("state").dataset.state = name;
  if ($("state-text").textContent !== text) $("state-text").textContent = text;
}

function banner(text) {
  show("banner", Boolean(text));
  if ($("banner").textContent !== text) $("banner").textContent = text;
}

function ask(problem = "") {
  stream?.stop();
  session = null;
  sessionStorage.removeItem(STORED);
  show("gate", true);
  show("board", false);
  show("forget", false);
  $("key-error").textContent = problem;
  $("key").setAttribute("aria-invalid", String(Boolean(problem)));
  state(problem ? "error" : "off", problem ? "Not authorised" : "Not connected");
  $("key").focus();
}

function start(next) {
  stream?.stop();
  session = next;
  sessionStorage.setItem(STORED, JSON.stringify(session));
  board = new Board();
  told = { seen: 0, crossed: 0 };
  drawn = { changes: -1, find: "" };
  show("gate", false);
  show("board", true);
  show("forget", true);
  state("waiting", "Connecting");
  stream = new Stream(path("/stream", { last: 200 }), session.key, { onEvent, onState });
  stream.run();
  accounting();
}

function onState(name, text, status) {
  if (name === "refused") ask(status === 401 ? "This key is not valid." : text);
  else {
    state(name, text);
    banner(text);
  }
}

function onEvent(event, data) {
  if (event === "score-changed") board.changed(data);
  else if (event === "threshold-crossed") board.crossedThreshold(data);
  else if (event === "contact-erased") board.erased(data);
  else if (event === "status") status(data);
}

function status({ state: name, why }) {
  if (name === "live") {
    board.counting = true;
    state("live", "Live");
    banner("");
    $("news").textContent = "Connected. Scores are live.";
  } else if (name === "waiting") {
    state("waiting", "Waiting for Kafka");
    banner(`The worker cannot reach Kafka (${why}). Scores continue when it is back.`);
  } else if (name === "dropped") board.expectSnapshot();
  else if (name === "moved") banner("Some changes were deleted before this page could read them.");
}

async function accounting() {
  if (!session) return;
  try {
    const answer = await read(path("/accounting"), session.key);
    if (answer.ok) drawPartitions(answer.body.meta.partitions, answer.body.meta.partitionCount);
  } catch {
    forgetPartitions(); // why, the stream says
  }
}

function draw() {
  const find = $("find").value;
  const moved = !paused && board.changes !== drawn.changes;
  if (!session || !(moved || find !== drawn.find)) return;
  drawRows(board.newestFirst(find), Boolean(find.trim()));
  drawCrossings(board.crossings);
  drawn = { changes: board.changes, find };
  drawFigures(board);
}

function news() {
  const seen = board.seen - told.seen;
  const crossed = board.crossed - told.crossed;
  if (session && !paused && seen) $("news").textContent = `${seen} score changes, ${crossed} thresholds crossed.`;
  told = { seen: board.seen, crossed: board.crossed };
}

async function openContact({ contact, profile }) {
  try {
    const query = { profileId: profile, limit: 20 };
    const answer = await read(path(`/contacts/${encodeURIComponent(contact)}/score`, query), session.key);
    if (!answer.ok) return banner(answer.body.detail);
    drawContact(answer.body.data);
    $("contact").showModal();
  } catch {
    banner("The worker did not answer.");
  }
}

$("key-form").addEventListener("submit", (event) => {
  event.preventDefault();
  const key = $("key").value.trim();
  if (!key) return ask("Enter a key first.");
  $("key").value = "";
  start({ key, org: $("org").value.trim() });
});
$("forget").addEventListener("click", () => ask());
$("pause").addEventListener("click", () => {
  paused = !paused;
  $("pause").setAttribute("aria-pressed", String(paused));
  $("pause").textContent = paused ? "Resume" : "Pause";
});
$("rows").addEventListener("click", (event) => {
  const button = event.target.closest("button");
  if (button) openContact(button.dataset);
});
$("contact-close").addEventListener("click", () => $("contact").close());
$("find").addEventListener("input", draw);
setInterval(draw, 250);
setInterval(() => {
  board.tick();
  if (session) drawFigures(board);
}, 1000);
setInterval(accounting, ACCOUNTING_MS);
setInterval(news, NEWS_MS);

addEventListener("hashchange", () => {
  const given = fragmentSession();
  if (given) start(given);
});

const known = fragmentSession() ?? storedSession();
if (known?.key) start(known);
else ask();
