// Rows of a property's name and what it must be, for filters and items.
// Laws: types are said, never guessed (S11: 1 is not "1"); what a row cannot show in simpler words it shows as JSON, and
// a value that nobody touched is given back as it came; a row with neither name nor value is no row.

import { el } from "./dom.js";
import { isJson, numeric, parseExactly } from "./exact.js";

const NUMBER = /^-?(0|[1-9]\d*)(\.\d+)?([eE][+-]?\d+)?$/;
const line = (value) => typeof value === "string" && value !== "" && !/[\r\n]/.test(value);
const lines = (text) => text.split("\n").filter((one) => one !== "");

const KINDS = {
  text: {
    label: "is the text", fits: line, show: String,
    read: (typed) => typed, wrong: (typed) => !typed && "Type the text that it must be.",
  },
  number: { label: "is the number", fits: numeric, show: JSON.stringify, read: parseExactly, wrong: (typed) => !NUMBER.test(typed) && "Type a number." },
  yes: { label: "is true", bare: true, fits: (value) => value === true, show: () => "", read: () => true },
  no: { label: "is false", bare: true, fits: (value) => value === false, show: () => "", read: () => false },
  any: {
    label: "is one of these texts", rows: 3, fits: (value) => Array.isArray(value) && value.length > 0 && value.every(line),
    show: (value) => value.join("\n"), read: lines, wrong: (typed) => !lines(typed).length && "Type one text a line.",
  },
  item: {
    label: "is one of these items", rows: 3, fits: (value) => Array.isArray(value) && value.every(line),
    show: (value) => value.join("\n"), read: lines,
  },
  json: {
    label: "as JSON", rows: 3, fits: () => true,
    show: JSON.stringify, read: parseExactly, wrong: (typed) => !isJson(typed) && "This is not JSON.",
  },
};

export const ofFilter = ["text", "number", "yes", "no", "any", "json"];
export const ofItems = ["item", "json"];

export class Pairs {
  constructor(kinds, add, label) {
    this.kinds = kinds;
    this.label = label;
    this.element = Object.assign(el("div", "pairs"), { pairs: this });
    this.rows = el("div");
    const button = el("button", "quiet", add);
    button.type = "button";
    button.addEventListener("click", () => this.row("", kinds[0], "").querySelector("input").focus());
    this.element.append(this.rows, button);
    this.button = button;
  }

  fill(value) {
    this.rows.replaceChildren();
    for (const [name, wanted] of Object.entries(value)) {
      const kind = this.kinds.find((one) => KINDS[one].fits(wanted));
      this.row(name, kind, KINDS[kind].show(wanted));
    }
  }

  read() {
    const found = this.filled().map(({ name, kind, typed }) => [name, KINDS[kind].read(typed)]);
    return found.length ? Object.fromEntries(found) : null;
  }

  // Answers what is wrong before anything is sent, "" when nothing is.
  wrong() {
    const names = new Set();
    for (const { name, kind, typed } of this.filled()) {
      if (!name) return "Name the property, or remove the row.";
      if (names.has(name)) return `${name} is here twice. Take “is one of these texts”, or one row of JSON.`;
      names.add(name);
      const words = KINDS[kind].wrong?.(typed);
      if (words) return `${name}: ${words}`;
    }
    return "";
  }

  filled() {
    const all = [...this.rows.children].map((row) => {
      const [name, kind, typed] = row.querySelectorAll("input, select, textarea");
      return { name: name.value, kind: kind.value, typed: typed?.value ?? "" };
    });
    return all.filter(({ name, kind, typed }) => name || typed || KINDS[kind].bare);
  }

  row(name, kind, typed) {
    const row = el("div", "pair");
    const property = labelled(el("input"), "Property");
    property.value = name;
    const select = labelled(el("select"), "How it is compared");
    for (const one of this.kinds) select.append(Object.assign(el("option", "", KINDS[one].label), { value: one }));
    select.value = kind;
    select.addEventListener("change", () => control(row, select.value, row.children[2]?.value ?? ""));
    const remove = el("button", "quiet", "Remove");
    remove.type = "button";
    remove.setAttribute("aria-label", "Remove this row");
    remove.addEventListener("click", () => {
      row.remove();
      this.button.focus();
    });
    row.append(property, select, remove);
    control(row, kind, typed);
    this.rows.append(row);
    return row;
  }
}

function labelled(made, label) {
  made.setAttribute("aria-label", label);
  made.autocomplete = "off";
  made.spellcheck = false;
  return made;
}

// Puts the control in which this kind's value is typed before the last button; kinds without a value have none.
function control(row, kind, typed) {
  const { bare, rows } = KINDS[kind];
  if (row.children.length > 3) row.children[2].remove();
  if (bare) return;
  const made = labelled(el(rows ? "textarea" : "input"), "Value");
  if (rows) made.rows = rows;
  made.value = typed;
  row.lastChild.before(made);
}
