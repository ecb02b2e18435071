// What every view needs of the document. Law: text is set as text, never as HTML.

export const $ = (id) => document.getElementById(id);
export const show = (id, shown) => { $(id).hidden = !shown; };

export function el(tag, className = "", text = "") {
  const made = document.createElement(tag);
  if (className) made.className = className;
  made.textContent = text;
  return made;
}

export function link(hash, text, className = "") {
  const made = el("a", className, text);
  made.href = hash;
  return made;
}

export const contactsHash = (profile = "default") =>
  `#/contacts${profile === "default" ? "" : `?profile=${encodeURIComponent(profile)}`}`;
export const contactHash = (contact, profile = "default") =>
  `#/contacts/${encodeURIComponent(contact)}${profile === "default" ? "" : `/${encodeURIComponent(profile)}`}`;
export const ruleHash = (rule) => `#/rules/${encodeURIComponent(rule)}`;

// Says something where it stands, or takes it away; the same words are not said twice.
export function say(id, text) {
  if ($(id).textContent !== text) $(id).textContent = text;
  show(id, Boolean(text));
}

// Tells whether an answer still belongs to what a view shows: `const current = turns.next()`, later `current()`.
export class Turns {
  turn = 0;

  next() {
    const mine = ++this.turn;
    return () => mine === this.turn;
  }
}
