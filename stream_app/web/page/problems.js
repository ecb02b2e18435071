// Puts what is wrong with a form at its fields.
// Laws: `fields` are ids of controls by the steps of a JSON pointer with dots between; the longest that is the place or
// around it is told; `<id>-error` is where its words stand, and `<form>-error` where all others do, such as those of
// a field that is hidden; the first field that is wrong is focused.

import { $ } from "./dom.js";

const TYPED = "input, textarea, select";

// Tells whether anything is wrong; `text` is said when it is no single field's fault.
export function place(form, fields, errors = [], text = "") {
  const told = new Map(Object.values(fields).map((id) => [id, []]));
  const others = [];
  for (const { pointer, message } of errors) {
    const path = steps(pointer);
    const depth = path.findLastIndex((_, index) => shown(fields[path.slice(0, index + 1).join(".")])) + 1;
    const inner = path.slice(depth);
    (depth ? told.get(fields[path.slice(0, depth).join(".")]) : others).push(inner.length ? `${inner.join(" › ")}: ${message}` : message);
  }
  for (const [id, words] of told) {
    $(`${id}-error`).textContent = words.join(" ");
    if ($(id).matches(TYPED)) $(id).setAttribute("aria-invalid", String(words.length > 0));
  }
  const wrong = [...told].filter(([, words]) => words.length).map(([id]) => id);
  $(`${form}-error`).textContent = wrong.length && !others.length ? "Nothing was changed: look at the marked fields." : [text, ...others].join(" ").trim();
  if (wrong.length) focusable($(wrong[0])).focus();
  return Boolean(errors.length || text);
}

const shown = (id) => id !== undefined && !$(id).closest("[hidden]");

export function steps(pointer) {
  return pointer.split("/").slice(1).map((step) => step.replaceAll("~1", "/").replaceAll("~0", "~"));
}

function focusable(control) {
  return control.matches(TYPED) ? control : (control.querySelector("input, button") ?? control);
}
