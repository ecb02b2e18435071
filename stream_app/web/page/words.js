// Numbers, times and problems in words.

import { el } from "./dom.js";

export const count = new Intl.NumberFormat("en");
export const compact = new Intl.NumberFormat("en", { notation: "compact", maximumFractionDigits: 1 });
export const clock = new Intl.DateTimeFormat("en-GB", { hour: "2-digit", minute: "2-digit", second: "2-digit" });
const day = new Intl.DateTimeFormat("en-GB", { day: "numeric", month: "short", hour: "2-digit", minute: "2-digit" });
const past = new Intl.DateTimeFormat("en-GB", { day: "numeric", month: "short", year: "numeric" });

export const signed = (points) => (points > 0 ? `+${count.format(points)}` : count.format(points).replace("-", "−"));
export const many = (number, one, more = `${one}s`) => `${count.format(number)} ${number === 1 ? one : more}`;

const direction = (points) => (points > 0 ? "up" : points < 0 ? "down" : "flat");
export const chip = (points) => el("span", `chip ${direction(points)}`, signed(points));

export function when(text) {
  const at = new Date(text);
  if (at.getFullYear() !== new Date().getFullYear()) return past.format(at);
  return Date.now() - at < 43_200_000 && at <= Date.now() + 60_000 ? clock.format(at) : day.format(at);
}

// Why an answer is no success. What was refused is told apart from what may still happen.
export function why({ status, body, retryAfter }) {
  const detail = body?.detail ?? "The worker refused the request.";
  const later = retryAfter ? ` Try again in ${many(retryAfter, "second")}.` : "";
  if (status === 0) return "The worker did not answer. Is it running, and can this computer reach it?";
  if (status === 403 && body?.code === "insufficient_scope") return `This key may not do that. ${detail}`;
  if (status === 429) return `Too many requests with this key.${later}`;
  if (status === 503 && body?.code === "outcome_unknown") return `It is not known whether this was done. ${detail}`;
  return `${detail}${later}`;
}

// What to add where a request carries an Idempotency-Key and may have acted.
export const again = ({ status, body }) =>
  status === 0 || body?.code === "outcome_unknown" ? " Sending it again as it is acts once." : "";
