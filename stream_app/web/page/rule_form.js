// The form of a rule: fields to a body and back.
// Laws: of a rule that exists only what was touched is sent, so what this page cannot show exactly stays as it is; fields
// that a rule of its kind does not have are hidden, keep what was typed, and count as empty.

import { $, el, show } from "./dom.js";
import { place, steps } from "./problems.js";
import { FIELDS, GROUPS, part, reasonOf } from "./rule_fields.js";

const id = (name) => `rule-${name.replace(".", "-")}`;
const IDS = Object.fromEntries(Object.keys(FIELDS).map((name) => [name, id(name)]));

export class RuleForm {
  loaded = {};

  constructor() {
    $("rule-fields").append(...GROUPS.map(([legend, names]) => {
      const group = el("fieldset");
      group.append(el("legend", "", legend), ...names.map(field));
      return group;
    }));
    $("rule-fields").addEventListener("input", () => this.draw());
  }

  fill(rule) {
    for (const [name, field] of Object.entries(FIELDS)) field.fill($(id(name)), valueOf(rule, name));
    this.draw();
    this.loaded = this.typed();
    this.complain();
  }

  // Shows the fields that a rule of this kind has.
  draw() {
    const kind = this.kind();
    for (const [name, { of }] of Object.entries(FIELDS)) show(`${id(name)}-field`, of(kind));
    for (const group of $("rule-fields").children) group.hidden = !group.querySelector(".field:not([hidden])");
  }

  kind() {
    return { reason: $(id("reason")).value, type: $(id("eventType")).value.trim() };
  }

  // Theirs as what is there now, mine over it where I changed something.
  rebase(theirs) {
    const mine = differing(this.typed(), this.loaded);
    this.fill(theirs);
    for (const [name, value] of Object.entries(mine)) FIELDS[name].fill($(id(name)), value);
    this.draw();
  }

  // What this page finds itself, field by field, in words; it must be nothing before `body` or `changes`.
  wrong() {
    const kind = this.kind();
    return Object.entries(FIELDS).filter(([, field]) => field.of(kind)).flatMap(([name, field]) => {
      const made = $(id(name));
      const message = field.wrong?.(made) || (field.required && field.read(made) === null && "Fill this in.");
      return message ? [{ pointer: `/${name.replace(".", "/")}`, message }] : [];
    });
  }

  body() {
    return Object.fromEntries(Object.entries(composed(this.typed())).filter(([, value]) => value !== null));
  }

  changes() {
    return differing(composed(this.typed()), composed(this.loaded));
  }

  complain(errors = [], words = "") {
    return place("rule", IDS, errors.map(plain), words);
  }

  warn(warnings = []) {
    return warnings.map(({ pointer, message }) => `${labelOf(steps(pointer))}: ${message}.`);
  }

  // What stands in each field, by its name.
  typed() {
    const kind = this.kind();
    return Object.fromEntries(Object.entries(FIELDS).map(([name, { of, read, absent }]) => [name, of(kind) ? read($(id(name))) : absent]));
  }
}

const valueOf = (rule, name) => (name === "reason" ? reasonOf(rule) : part(rule, name));

// The body that fields make: those within another one make it, when any of them says anything.
function composed({ reason, ...typed }) {
  const body = {};
  for (const [name, value] of Object.entries(typed)) {
    const [outer, inner] = name.split(".");
    if (!inner) body[outer] = value;
    else if (value === null || value === false) body[outer] ??= null;
    else body[outer] = { ...body[outer], [inner]: value };
  }
  return body;
}

const differing = (now, before) => Object.fromEntries(Object.entries(now).filter(([name, value]) => text(value) !== text(before[name])));

// What the nearest field around a place is called.
function labelOf([outer, inner]) {
  const within = Object.keys(FIELDS).find((name) => name.startsWith(`${outer}.`));
  return (FIELDS[`${outer}.${inner}`] ?? FIELDS[outer] ?? FIELDS[within])?.label ?? "The rule";
}

// The worker's words are for those who write JSON; where a form has better ones it says them.
function plain({ pointer, code, message }) {
  return { pointer, message: FIELDS[steps(pointer).join(".")]?.words?.[code] ?? message };
}

const text = (value) => JSON.stringify(value ?? null);

// The rule in words, for a key that may not edit it.
export function summary(rule) {
  const kind = { reason: reasonOf(rule), type: rule.eventType };
  const said = (name, value) => value !== null && value !== undefined && value !== "" && !(value === false && name.includes("."));
  const told = Object.entries(FIELDS).filter(([name, { of }]) => of(kind) && said(name, valueOf(rule, name)));
  return told.flatMap(([name, field]) => [el("dt", "", field.label), el("dd", "", field.told(valueOf(rule, name)))]);
}

function field(name) {
  const { label, hint, required, choices, make, box, group } = FIELDS[name];
  const outer = el("div", box ? "field box" : "field");
  outer.id = `${id(name)}-field`;
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
