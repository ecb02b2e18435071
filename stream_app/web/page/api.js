// Asks the worker. Laws: an answer is a value whatever became of the request, with status 0 when none came; the key goes
// into a header only, and a key that is refused ends the session.

const PATIENCE_MS = 30_000;

export class Api {
  constructor({ key, org }, refused) {
    Object.assign(this, { key, org, refused });
  }

  path(route, query = {}) {
    const asked = new URLSearchParams({ ...query, ...(this.org ? { orgId: this.org } : {}) });
    return `/v1${route}${asked.size ? `?${asked}` : ""}`;
  }

  get(route, query = {}, more = {}) {
    return this.ask("GET", route, { query, ...more });
  }

  async ask(method, route, { query, body, headers = {}, parse = JSON.parse } = {}) {
    const sent = { Authorization: `Bearer ${this.key}`, ...headers };
    if (body !== undefined) sent["Content-Type"] = "application/json";
    try {
      const response = await fetch(this.path(route, query), {
        method, headers: sent, body: body === undefined ? undefined : JSON.stringify(body), cache: "no-store",
        signal: AbortSignal.timeout(PATIENCE_MS),
      });
      const answer = {
        status: response.status, etag: response.headers.get("ETag"),
        retryAfter: Number(response.headers.get("Retry-After")) || 0, ...read(await response.text(), parse, response.ok),
      };
      if (answer.status === 401) this.refused();
      return answer;
    } catch {
      return { ok: false, status: 0, body: null };
    }
  }
}

function read(text, parse, ok) {
  try {
    return { ok, body: text ? parse(text) : null };
  } catch (error) {
    return { ok: false, body: { detail: `The answer cannot be read: ${error.message}.` } };
  }
}

// The same key for the same body until it is used up, so that sending something twice acts once.
export class Once {
  sent = "";
  key = "";

  headers(body) {
    const text = JSON.stringify(body);
    if (text !== this.sent) this.renew(text);
    return { "Idempotency-Key": this.key };
  }

  renew(text = "") {
    this.sent = text;
    this.key = [...crypto.getRandomValues(new Uint8Array(16))].map((b) => b.toString(16).padStart(2, "0")).join("");
  }
}
