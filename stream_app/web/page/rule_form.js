// The form of a rule: fields to a body and back.
// Law: of a rule that exists only what was touched is sent, so what this page cannot show exactly stays as it is.

import { $, el } from "./dom.js";
import { place } from "./problems.js";
import { FIELDS, GROUPS } from "./rule_fields.js";

const id = (name) => `rule-${name}`;
const IDS = Object.fromEntries(Object.keys(FIELDS).map((name) => [name, id(name)]));

export class RuleForm {
  loaded = {};

  constructor() {
    $("rule-fields").append(...GROUPS.map(([legend, names]) => {
      const group = el("fieldset");
      group.append(el("legend", "", legend), ...names.map(field));
      return group;
    }));
  }

  fill(rule) {
    for (const [name, field] of Object.entries(FIELDS)) field.fill($(id(name)), rule[name]);
    this.loaded = this.read();
    this.complain();
  }

  // Theirs as what is there now, mine over it where I changed something.
  rebase(theirs) {
    const mine = this.changes();
    this.fill(theirs);
    for (const [name, value] of Object.entries(mine)) FIELDS[name].fill($(id(name)), value);
  }

  // What this page finds itself, field by field, in words; it must be nothing before `body` or `changes`.
  wrong() {
    return Object.entries(FIELDS).flatMap(([name, field]) => {
      const made = $(id(name));
      const message = field.wrong?.(made) || (field.required && field.read(made) === null && "Fill this in.");
      return message ? [{ pointer: `/${name}`, message }] : [];
    });
  }

  body() {
    return Object.fromEntries(Object.entries(this.read()).filter(([, value]) => value !== null));
  }

  changes() {
    const now = this.read();
    return Object.fromEntries(Object.entries(now).filter(([name, value]) => text(value) !== text(this.loaded[name])));
  }

  complain(errors = [], words = "") {
    return place("rule", IDS, errors.map(plain), words);
  }

  warn(warnings = []) {
    return warnings.map(({ pointer, message }) => `${FIELDS[pointer.split("/")[1]]?.label ?? "The rule"}: ${message}.`);
  }

  read() {
    return Object.fromEntries(Object.entries(FIELDS).map(([name, field]) => [name, field.read($(id(name)))]));
  }
}

// The worker's words are for those who write JSON; where a form has better ones it says them.
function plain({ pointer, code, message }) {
  return { pointer, message: FIELDS[pointer.slice(1)]?.words?.[code] ?? message };
}

const text = (value) => JSON.stringify(value ?? null);

// The rule in words, for a key that may not edit it.
export function summary(rule) {
  const told = Object.entries(FIELDS).filter(([name]) => rule[name] !== null && rule[name] !== "");
  return told.flatMap(([name, field]) => [el("dt", "", field.label), el("dd", "", field.told(rule[name]))]);
}

function field(name) {
  const { label, hint, required, choices, make, box, group } = FIELDS[name];
  const outer = el("div", box ? "field box" : "field");
  const control = make();
  control.id = id(name);
  control.setAttribute("aria-describedby", `${id(name)}-hint ${id(name)}-error`);
  if (required) control.setAttribute("aria-required", "true");
  if (!group) Object.assign(control, { autocomplete: "off", spellcheck: false });
  const title = el(group ? "span" : "label", "label", label);
  title.id = `${id(name)}-label`;
  if (group) {
    control.setAttribute("role", "group");
    control.setAttribute("aria-labelledby", title.id);
  } else title.htmlFor = control.id;
  const help = el("p", "hint", hint);
  help.id = `${id(name)}-hint`;
  const error = el("p", "error");
  error.id = `${id(name)}-error`;
  outer.append(title, control, ...suggestions(control, choices), help, error);
  return outer;
}

function suggestions(control, choices) {
  if (!choices.length) return [];
  const list = el("datalist");
  list.id = `${control.id}-choices`;
  list.append(...choices.map((choice) => Object.assign(el("option"), { value: choice })));
  control.setAttribute("list", list.id);
  return [list];
}
