// The live view: follows the stream from sign-in to sign-out, whichever view is shown.

import { Board } from "./board.js";
import { $, say } from "./dom.js";
import { Stream } from "./stream.js";
import { drawCrossings, drawFigures, drawPartitions, drawRows, forgetPartitions } from "./view.js";

const ACCOUNTING_MS = 2000;
const NEWS_MS = 10_000;

export class Live {
  api = null;
  board = new Board();
  stream = null;
  paused = false;
  drawn = { changes: -1, find: "" };
  told = { seen: 0, crossed: 0 };

  // `refused` is told why the worker refused the stream, `changed` each contact whose score changed or that is erased.
  constructor({ refused, changed }) {
    Object.assign(this, { refused, changed });
    $("pause").addEventListener("click", () => this.pause());
    $("find").addEventListener("input", () => this.draw());
    setInterval(() => this.draw(), 250);
    setInterval(() => this.tick(), 1000);
    setInterval(() => this.accounting(), ACCOUNTING_MS);
    setInterval(() => this.news(), NEWS_MS);
  }

  start(api) {
    this.stop();
    Object.assign(this, { api, board: new Board(), told: { seen: 0, crossed: 0 }, drawn: { changes: -1, find: "" } });
    this.state("waiting", "Connecting");
    this.stream = new Stream(api.path("/stream", { last: 200 }), api.key, {
      onEvent: (event, data) => this.onEvent(event, data),
      onState: (name, text, status) => this.onState(name, text, status),
    });
    this.stream.run();
    this.accounting();
  }

  stop(name = "off", text = "Not connected") {
    this.stream?.stop();
    this.api = null;
    say("banner", "");
    this.state(name, text);
  }

  state(name, text) {
    $("state").dataset.state = name;
    if ($("state-text").textContent !== text) $("state-text").textContent = text;
  }

  onState(name, text, status) {
    if (name === "refused") return this.refused(status === 401 ? "This key is not valid." : text);
    this.state(name, text);
    say("banner", text);
  }

  onEvent(event, data) {
    if (event === "score-changed") this.board.changed(data);
    else if (event === "threshold-crossed") this.board.crossedThreshold(data);
    else if (event === "contact-erased") this.board.erased(data);
    else if (event === "status") this.status(data);
    if (event === "contact-erased" || (event === "score-changed" && this.board.counting)) this.changed(data.contactId);
  }

  status({ state, why }) {
    if (state === "live") {
      this.board.counting = true;
      this.state("live", "Live");
      say("banner", "");
      $("news").textContent = "Connected. Scores are live.";
    } else if (state === "waiting") {
      this.state("waiting", "Waiting for Kafka");
      say("banner", `The worker cannot reach Kafka (${why}). Scores continue when it is back.`);
    } else if (state === "dropped") this.board.expectSnapshot();
    else if (state === "moved") say("banner", "Some changes were deleted before this page could read them.");
  }

  async accounting() {
    const api = this.api;
    if (!api) return;
    const { ok, status, body } = await api.get("/accounting");
    if (api !== this.api) return;
    if (ok) drawPartitions(body.meta.partitions, body.meta.partitionCount);
    else if (status === 0) forgetPartitions(); // why, the stream says
  }

  draw() {
    const find = $("find").value;
    const moved = !this.paused && this.board.changes !== this.drawn.changes;
    if (!this.api || $("view-live").hidden || !(moved || find !== this.drawn.find)) return;
    drawRows(this.board.newestFirst(find), Boolean(find.trim()));
    drawCrossings(this.board.crossings);
    this.drawn = { changes: this.board.changes, find };
    drawFigures(this.board);
  }

  tick() {
    this.board.tick();
    if (this.api) drawFigures(this.board);
  }

  news() {
    const seen = this.board.seen - this.told.seen;
    const crossed = this.board.crossed - this.told.crossed;
    const shown = this.api && !this.paused && !$("view-live").hidden;
    if (shown && seen) $("news").textContent = `${seen} score changes, ${crossed} thresholds crossed.`;
    this.told = { seen: this.board.seen, crossed: this.board.crossed };
  }

  pause() {
    this.paused = !this.paused;
    $("pause").setAttribute("aria-pressed", String(this.paused));
    $("pause").textContent = this.paused ? "Resume" : "Pause";
  }
}
