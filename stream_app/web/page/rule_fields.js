// The fields of a rule, once: how each is called, explained, read and shown.
// Laws: `read` gives what the worker shall judge, so what is no number goes there as it was typed; a field that is left
// empty is null; `words` are a form's words for what the worker finds wrong, by its code.

import { el } from "./dom.js";
import { Pairs, ofFilter, ofItems } from "./pairs.js";

const TYPES = [
  "email_sent", "email_delivered", "email_open", "email_click", "email_reply", "email_complaint", "unsubscribe",
  "sms_reply", "page_visit", "link_click", "form_submit", "asset_download", "appointment", "conversation", "tag_added",
  "custom_event", "manual",
];
const ZONE = Intl.DateTimeFormat().resolvedOptions().timeZone;

export const GROUPS = [
  ["What it pays", ["name", "eventType", "points", "active"]],
  ["Which events", ["eventFilter", "items", "siteId"]],
  ["How often", ["maxPerContact", "oncePer", "repeatable"]],
  ["From when, until when", ["publishUp", "publishDown"]],
  ["Notes", ["category", "profileId", "description"]],
];

export const FIELDS = {
  name: text("Name", "Contacts' logs show it.", { required: true }),
  eventType: text("Type of event", "One of the list, or a type of your own: lower case letters, digits and _.", {
    required: true, choices: TYPES, words: { wrong_form: "This is no type of event." },
  }),
  points: number("Points", "A whole number. Below zero takes points away.", { required: true }),
  active: check("Active", "An inactive rule pays nothing; what it has paid stays.", true),
  eventFilter: pairs("Only events whose properties are",
    "All of them must hold. Texts are compared exactly. A name with dots reaches into nested properties.", ofFilter, "Add a condition"),
  items: pairs("Only for selected items", "The property must be one of the items; none listed is any item.", ofItems, "Add a property"),
  siteId: text("Site", "Empty: events of every site."),
  maxPerContact: number("At most so many times per contact", "Empty: no limit."),
  oncePer: text("Once for each value of the property", "For example messageId: once per message. Events without it do not pay."),
  repeatable: check("May pay more than once per contact", "Off is the same as at most one time.", true),
  publishUp: time("From", `Events from this moment on pay. Times of ${ZONE}; empty: from the beginning.`),
  publishDown: time("Until", "The last moment whose events pay. Empty: for ever.", { contradiction: "This is before “From”." }),
  category: text("Category", ""),
  description: text("Description", "", { control: "textarea" }),
  profileId: text("Score profile", "The score that it adds to.", { empty: "default", words: { wrong_form: "This is no id of a profile." } }),
};

// A text field; `empty` is what it means when nothing is typed.
function text(label, hint, { required = false, choices = [], control = "input", empty = null, words = {} } = {}) {
  return {
    label, hint, required, choices, words, make: () => el(control),
    fill: (made, value) => { made.value = value ?? empty ?? ""; },
    read: (made) => made.value.trim() || empty,
    told: String,
  };
}

function number(label, hint, more = {}) {
  const field = text(label, hint, { words: { not_an_integer: "Type a whole number." }, ...more });
  const read = (made) => {
    const typed = made.value.trim().replace("−", "-");
    return /^[+-]?\d+$/.test(typed) && Number.isSafeInteger(Number(typed)) ? Number(typed) : typed || null;
  };
  return { ...field, read, make: () => Object.assign(el("input"), { inputMode: "numeric" }) };
}

function check(label, hint, initial) {
  return {
    label, hint, choices: [], box: true, make: () => Object.assign(el("input"), { type: "checkbox" }),
    fill: (made, value) => { made.checked = value ?? initial; },
    read: (made) => made.checked,
    told: (value) => (value ? "yes" : "no"),
  };
}

function time(label, hint, words = {}) {
  return {
    label, hint, choices: [], words: { not_a_time: "This is no whole date and time.", ...words },
    make: () => Object.assign(el("input"), { type: "datetime-local", step: "1" }),
    fill: (made, value) => { made.value = Date.parse(value) ? local(new Date(value)) : ""; },
    read: (made) => instant(made.value) ?? (made.validity.badInput ? "half a time" : null),
    told: (value) => new Date(value).toLocaleString("en-GB"),
  };
}

function pairs(label, hint, kinds, add) {
  return {
    label, hint, choices: [], group: true, make: () => new Pairs(kinds, add, label).element,
    fill: (made, value) => made.pairs.fill(value ?? {}),
    read: (made) => made.pairs.read(),
    wrong: (made) => made.pairs.wrong(),
    told: (value) => JSON.stringify(value, null, 1),
  };
}

const instant = (typed) => (typed ? new Date(typed).toISOString() : null);

function local(at) {
  return new Date(at - at.getTimezoneOffset() * 60_000).toISOString().slice(0, -1);
}
