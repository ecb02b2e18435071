// Kinds of fields: how each is made, filled, read and told in words.
// Laws: `read` gives what the worker shall judge, so what is no number goes there as it was typed; a field that is left
// empty is null; `absent` is what a rule has that does not have the field.

import { el } from "./dom.js";
import { isJson, parseExactly } from "./exact.js";
import { Pairs } from "./pairs.js";
import { many } from "./words.js";

const UNITS = { days: 86_400, hours: 3600, minutes: 60, seconds: 1 };
const NO_TIME = "This is no whole date and time.";
const always = () => true;

function field(label, hint, more) {
  return { label, hint, of: always, required: false, choices: [], words: {}, absent: null, told: String, ...more };
}

// A text field; `empty` is what it means when nothing is typed.
export function text(label, hint, { control = "input", empty = null, ...more } = {}) {
  return field(label, hint, {
    make: () => el(control),
    fill: (made, value) => { made.value = value ?? empty ?? ""; },
    read: (made) => made.value.trim() || empty,
    ...more,
  });
}

function whole(typed) {
  const plain = typed.trim().replace("−", "-");
  return /^[+-]?\d+$/.test(plain) && Number.isSafeInteger(Number(plain)) ? Number(plain) : plain || null;
}

export function number(label, hint, { words, ...more } = {}) {
  return text(label, hint, {
    make: () => Object.assign(el("input"), { inputMode: "numeric" }),
    read: (made) => whole(made.value),
    words: { not_an_integer: "Type a whole number.", ...words },
    ...more,
  });
}

export function check(label, hint, { initial = false, ...more } = {}) {
  return field(label, hint, {
    box: true, absent: initial, make: () => Object.assign(el("input"), { type: "checkbox" }),
    fill: (made, value) => { made.checked = value ?? initial; },
    read: (made) => made.checked,
    told: (value) => (value ? "yes" : "no"),
    ...more,
  });
}

export function choice(label, hint, choices, more = {}) {
  return field(label, hint, {
    make: () => {
      const made = el("select");
      made.append(...Object.entries(choices).map(([value, words]) => Object.assign(el("option", "", words), { value })));
      return made;
    },
    fill: (made, value) => { made.value = value ?? Object.keys(choices)[0]; },
    read: (made) => made.value,
    told: (value) => choices[value],
    ...more,
  });
}

export function time(label, hint, { words, ...more } = {}) {
  return field(label, hint, {
    make: () => Object.assign(el("input"), { type: "datetime-local", step: "1" }),
    fill: (made, value) => { made.value = Date.parse(value) ? local(new Date(value)) : ""; },
    read: (made) => instant(made.value),
    wrong: (made) => made.validity.badInput && NO_TIME,
    told: (value) => new Date(value).toLocaleString("en-GB"),
    words: { not_a_time: NO_TIME, ...words },
    ...more,
  });
}

// Seconds as a number of the largest unit in which they are whole.
export function duration(label, hint, { unit, words, ...more }) {
  const of = (seconds) => Object.keys(UNITS).find((name) => seconds % UNITS[name] === 0);
  return field(label, hint, {
    group: true,
    make: () => {
      const made = el("div", "duration");
      const typed = named(Object.assign(el("input"), { inputMode: "numeric", autocomplete: "off" }), "How many");
      const units = named(el("select"), "Unit");
      units.append(...Object.keys(UNITS).map((name) => Object.assign(el("option", "", name), { value: name })));
      made.append(typed, units);
      return made;
    },
    fill: ({ children: [typed, units] }, seconds) => {
      units.value = seconds ? of(seconds) : unit;
      typed.value = seconds === null || seconds === undefined ? "" : seconds / UNITS[units.value];
    },
    read: ({ children: [typed, units] }) => {
      const given = whole(typed.value);
      return typeof given === "number" ? given * UNITS[units.value] : given;
    },
    told: (seconds) => (seconds ? many(seconds / UNITS[of(seconds)], of(seconds).slice(0, -1)) : "0 seconds"),
    words: { not_an_integer: "Type a whole number.", too_small: "This is too short.", ...words },
    ...more,
  });
}

// JSON as it is typed; nulls of what was not said are left out where it is shown.
export function json(label, hint, { example, ...more }) {
  return field(label, hint, {
    make: () => Object.assign(el("textarea"), { rows: 9, placeholder: example }),
    fill: (made, value) => { made.value = value ? JSON.stringify(spoken(value), null, 2) : ""; },
    read: (made) => (isJson(made.value) ? parseExactly(made.value) : null),
    wrong: (made) => made.value.trim() !== "" && !isJson(made.value) && "This is not JSON.",
    told: (value) => JSON.stringify(spoken(value), null, 2),
    ...more,
  });
}

export function pairs(label, hint, kinds, add, more = {}) {
  return field(label, hint, {
    group: true, make: () => new Pairs(kinds, add, label).element,
    fill: (made, value) => made.pairs.fill(value ?? {}),
    read: (made) => made.pairs.read(),
    wrong: (made) => made.pairs.wrong(),
    told: (value) => JSON.stringify(value, null, 1),
    ...more,
  });
}

function named(made, label) {
  made.setAttribute("aria-label", label);
  return made;
}

// A condition without the nulls of what it does not say; a leaf that compares with null keeps that.
function spoken({ conditions, ...own }) {
  const said = Object.entries(own).filter(([name, value]) => value !== null || (name === "value" && own.type && own.op !== "exists"));
  return Object.fromEntries(conditions ? [...said, ["conditions", conditions.map(spoken)]] : said);
}

const instant = (typed) => (typed ? new Date(typed).toISOString() : null);

function local(at) {
  return new Date(at - at.getTimezoneOffset() * 60_000).toISOString().slice(0, -1);
}
