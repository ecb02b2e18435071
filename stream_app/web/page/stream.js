// Server-Sent Events over fetch, because EventSource cannot send an Authorization header.
// Laws: the key goes into the header only; after a break the stream resumes from the last event id; a refusal (4xx)
// ends it, everything else, too many requests included, is tried again with growing pauses.

const PAUSES = [500, 1000, 2000, 5000];

export class Stream {
  constructor(path, key, { onEvent, onState }) {
    Object.assign(this, { path, key, onEvent, onState, lastId: "", failures: 0, aborter: new AbortController() });
  }

  stop() {
    this.aborter.abort();
  }

  async run() {
    while (!this.aborter.signal.aborted) {
      try {
        if (!(await this.once())) return;
        this.onState("waiting", "Reconnecting");
      } catch {
        if (this.aborter.signal.aborted) return;
        this.onState("waiting", "Worker unreachable, trying again");
      }
      const pause = PAUSES[Math.min(this.failures, PAUSES.length - 1)];
      this.failures += 1;
      await new Promise((done) => setTimeout(done, pause));
    }
  }

  // Resolves to false when the worker refuses the key or the request.
  async once() {
    const headers = { Authorization: `Bearer ${this.key}`, Accept: "text/event-stream" };
    if (this.lastId) headers["Last-Event-ID"] = this.lastId;
    const response = await fetch(this.path, { headers, cache: "no-store", signal: this.aborter.signal });
    if (!response.ok) {
      const problem = await response.json().catch(() => ({}));
      if (response.status === 400 && this.lastId) this.lastId = "";
      else if (response.status < 500 && response.status !== 429) {
        this.onState("refused", problem.detail ?? "The worker refused the request.", response.status);
        return false;
      }
      return true;
    }
    this.failures = 0;
    await this.parse(response.body.pipeThrough(new TextDecoderStream()).getReader());
    return true;
  }

  async parse(reader) {
    let rest = "";
    for (;;) {
      const { value, done } = await reader.read();
      if (done) return;
      const blocks = (rest + value).split("\n\n");
      rest = blocks.pop();
      blocks.forEach((block) => this.dispatch(block));
    }
  }

  dispatch(block) {
    const fields = {};
    for (const line of block.split("\n")) {
      const colon = line.indexOf(": ");
      if (colon > 0) fields[line.slice(0, colon)] = line.slice(colon + 2);
    }
    if (fields.id) this.lastId = fields.id;
    if (!fields.data) return;
    const data = JSON.parse(fields.data);
    // Too slow: the newest matter more than what was missed.
    if (fields.event === "status" && data.state === "dropped") this.lastId = "";
    this.onEvent(fields.event, data);
  }
}
