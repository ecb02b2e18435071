// The fields of a rule, once: how each is called, explained and shown, and when a rule has it.
// Laws: a name with a dot is a field within a field; `words` are a form's words for what the worker finds wrong, by its
// code; a rule pays for one of three things (`REASONS`), and `of` tells whether a rule that pays for it has the field.

import { check, choice, duration, json, number, pairs, text, time } from "./controls.js";
import { ofFilter, ofItems } from "./pairs.js";

const TYPES = [
  "email_sent", "email_delivered", "email_open", "email_click", "email_reply", "email_complaint", "unsubscribe",
  "sms_reply", "page_visit", "link_click", "form_submit", "asset_download", "appointment", "conversation", "tag_added",
  "custom_event", "manual",
];
const VISITS = ["page_visit", "email_click"];
const ZONE = Intl.DateTimeFormat().resolvedOptions().timeZone;
const TREE = `{"type": "attribute", "field": "country", "op": "in", "value": ["de", "at"]}

More than one: {"operator": "AND", "conditions": [ … ]}, or OR, or NOT with one.
Of a tag: {"type": "tag", "op": "eq", "value": "customer"}
Of a score: {"type": "score", "op": "gte", "value": 50}`;

export const REASONS = { event: "Something happens", silence: "Nothing happens for some days", fit: "A condition holds for the contact" };
export const reasonOf = (rule) => (rule.inactivity ? "silence" : rule.attribute ? "fit" : "event");

const event = ({ reason }) => reason === "event";
const visit = ({ reason, type }) => reason === "event" && VISITS.includes(type);
const silence = ({ reason }) => reason === "silence";
const fit = ({ reason }) => reason === "fit";
const repeated = ({ reason }) => reason !== "fit";

export const GROUPS = [
  ["What it pays", ["name", "points", "active"]],
  ["What it pays for", ["reason", "eventType", "inactivity.days", "inactivity.repeat", "attribute"]],
  ["Which events", ["eventFilter", "items", "siteId"]],
  ["Which visits", ["page.url", "page.hits", "page.everyNth", "page.timeSpentSeconds", "page.returnsWithinSeconds", "page.returnsAfterSeconds"]],
  ["How often", ["maxPerContact", "oncePer", "repeatable"]],
  ["From when, until when", ["publishUp", "publishDown"]],
  ["Where it counts", ["profileId", "group"]],
  ["Notes", ["category", "description"]],
];

export const FIELDS = {
  name: text("Name", "Contacts' logs show it.", { required: true }),
  points: number("Points", "A whole number. Below zero takes points away.", { required: true }),
  active: check("Active", "An inactive rule pays nothing; what it has paid stays.", { initial: true }),
  reason: choice("It pays when", "", REASONS),
  eventType: text("Type of event", "One of the list, or a type of your own: lower case letters, digits and _. page_visit and email_click ask more below.", {
    of: event, required: true, choices: TYPES, words: { wrong_form: "This is no type of event." },
  }),
  "inactivity.days": number("Days of silence", "It pays when so many days have passed since the contact's last interaction.", { of: silence, required: true }),
  "inactivity.repeat": check("Again and again", "Pays after each further silence of as many days, until something happens.", { of: silence }),
  attribute: json("Condition", "JSON. It pays while this holds and takes the points back when it does not.", { of: fit, required: true, example: TREE }),
  eventFilter: pairs("Only events whose properties are",
    "All of them must hold. Texts are compared exactly. A name with dots reaches into nested properties.", ofFilter, "Add a condition", { of: event }),
  items: pairs("Only for selected items", "The property must be one of the items; none listed is any item.", ofItems, "Add a property", { of: event }),
  siteId: text("Site", "Empty: events of every site.", { of: event }),
  "page.url": text("Address", "The whole url of the event; * stands for any text. Empty: every page.", { of: visit, words: { too_many_wildcards: "This has too many *." } }),
  "page.hits": number("From which visit on", "Its number, counted over the contact's visits to all matching pages. Empty: from the first.", { of: visit }),
  "page.everyNth": check("Only at each such number", "With 3 above: at the 3rd, the 6th, the 9th and so on, not between.", {
    of: visit, words: { contradiction: "Say which number of visits." },
  }),
  "page.timeSpentSeconds": duration("Stayed at least", "The sum over visits to matching pages; it pays once, when that is reached.", { of: visit, unit: "seconds" }),
  "page.returnsWithinSeconds": duration("Came back within", "So long at most after the last visit to a matching page. A first visit does not pay.", { of: visit, unit: "days" }),
  "page.returnsAfterSeconds": duration("Came back after", "So long at least after it. A first visit does not pay.", {
    of: visit, unit: "days", words: { contradiction: "This is longer than “Came back within”." },
  }),
  maxPerContact: number("At most so many times per contact", "Empty: no limit.", { of: repeated }),
  oncePer: text("Once for each value of the property", "For example messageId: once per message. Events without it do not pay.", { of: event }),
  repeatable: check("May pay more than once per contact", "Off is the same as at most one time.", { of: repeated, initial: true }),
  publishUp: time("From", `What happens from this moment on pays. Times of ${ZONE}; empty: from the beginning.`, { of: repeated }),
  publishDown: time("Until", "The last moment that pays. Empty: for ever.", { of: repeated, words: { contradiction: "This is before “From”." } }),
  profileId: text("Score profile", "The score that it adds to.", { empty: "default", words: { wrong_form: "This is no id of a profile." } }),
  group: text("Group", "Rules of a group share the limits that the profile gives it."),
  category: text("Category", "For your own order."),
  description: text("Description", "", { control: "textarea" }),
};

// The part of a rule that a field shows, undefined where the rule has none.
export const part = (rule, name) => name.split(".").reduce((inner, step) => inner?.[step], rule);
