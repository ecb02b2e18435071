// Draws the board. Law: rows are reused, so focus stays where it was.

import { $, contactHash, el, link, show } from "./dom.js";
import { chip, compact, count, when } from "./words.js";

const SVG = "http://www.w3.org/2000/svg";

function line(values, width, height) {
  const low = Math.min(...values);
  const span = Math.max(...values) - low || 1;
  const step = width / Math.max(values.length - 1, 1);
  return values.map((v, i) => `${(i * step).toFixed(1)},${(height - 2 - ((v - low) / span) * (height - 4)).toFixed(1)}`).join(" ");
}

function crossingChip(crossing) {
  const made = el("span", `chip ${crossing.direction}`, `${crossing.direction === "up" ? "↑" : "↓"} ${count.format(crossing.threshold)}`);
  made.setAttribute("role", "img");
  made.setAttribute("aria-label", `crossed ${crossing.threshold} ${crossing.direction}`);
  return made;
}

function newRow(name) {
  const row = document.createElement("tr");
  row.dataset.name = name;
  const who = el("td", "who");
  who.append(el("a"), el("small"));
  const trend = el("td", "trend");
  const svg = document.createElementNS(SVG, "svg");
  svg.setAttribute("viewBox", "0 0 84 22");
  svg.setAttribute("aria-hidden", "true");
  svg.append(document.createElementNS(SVG, "polyline"));
  trend.append(svg);
  row.append(who, el("td", "num score"), el("td", "num"), el("td", "why"), trend, el("td", "num when"));
  return row;
}

function fill(row, data) {
  const [who, score, delta, why, trend, at] = row.children;
  who.firstChild.textContent = data.contact;
  who.firstChild.href = contactHash(data.contact, data.profile);
  who.lastChild.textContent = data.profile === "default" ? "" : data.profile;
  score.textContent = count.format(data.score);
  delta.replaceChildren(chip(data.delta));
  why.replaceChildren(el("span", "", data.reason));
  if (data.crossing) why.append(crossingChip(data.crossing));
  trend.firstChild.firstChild.setAttribute("points", line(data.history, 84, 22));
  at.textContent = when(data.at);
  row.dataset.stamp = data.stamp;
  row.classList.remove("fresh");
  void row.offsetWidth; // restarts the animation
  row.classList.add("fresh");
}

export function drawRows(rows, finding) {
  const body = $("rows");
  const known = new Map([...body.children].map((row) => [row.dataset.name, row]));
  const focused = document.activeElement?.closest?.("tr");
  let place = body.firstChild;
  for (const data of rows) {
    const row = known.get(data.name) ?? newRow(data.name);
    known.delete(data.name);
    if (row.dataset.stamp !== String(data.stamp)) fill(row, data);
    if (row === place) place = place.nextSibling;
    else body.insertBefore(row, place);
  }
  known.forEach((row) => row.remove());
  if (focused?.isConnected && !focused.contains(document.activeElement)) focused.querySelector("a").focus();
  show("empty", rows.length === 0);
  $("empty-title").textContent = finding ? "No such contact among the latest" : "No score has changed yet";
  $("empty-text").textContent = finding ? "The table holds the 100 contacts that changed last." : "Rows appear as soon as an event scores.";
}

export function drawFigures(board) {
  $("rate").textContent = board.rate < 10 ? board.rate.toFixed(1).replace(/\.0$/, "") : count.format(Math.round(board.rate));
  $("seen").textContent = compact.format(board.seen);
  $("crossed").textContent = compact.format(board.crossed);
  $("pulse").firstChild.setAttribute("points", line(board.rates, 120, 32));
}

export function drawCrossings(crossings) {
  $("crossings").replaceChildren(...crossings.map((crossing) => {
    const item = el("li");
    item.append(crossingChip(crossing), link(contactHash(crossing.contactId, crossing.profileId), crossing.contactId), el("span", "small", `${count.format(crossing.previousScore)} → ${count.format(crossing.score)}`));
    return item;
  }));
  show("no-crossings", crossings.length === 0);
}

export function drawPartitions(partitions, total) {
  $("partitions").replaceChildren(...partitions.map((partition) => {
    const item = el("li");
    item.dataset.phase = partition.phase;
    const name = el("b", "", `${partition.partition}`);
    name.append(el("span", "", `${compact.format(partition.lag)} unread`));
    item.append(name, document.createTextNode(partition.why ? `${partition.phase}: ${partition.why}` : partition.phase));
    return item;
  }));
  show("no-partitions", partitions.length === 0);
  $("no-partitions").textContent = "None is held by this worker.";
  $("lag").textContent = compact.format(partitions.reduce((sum, partition) => sum + partition.lag, 0));
  $("running").textContent = `${partitions.filter((partition) => partition.phase === "running").length} / ${total}`;
}

// What was true of a worker that no longer answers may be false by now.
export function forgetPartitions() {
  $("partitions").replaceChildren();
  show("no-partitions", true);
  $("no-partitions").textContent = "Not known while the worker does not answer.";
  $("lag").textContent = $("running").textContent = "–";
}
