// JSON without loss. Law: a number that a float cannot hold as it is written keeps its text (D2), or is refused by a
// browser that cannot keep it.

export function parseExactly(text) {
  return JSON.parse(text, (_, value, context) => {
    if (typeof value !== "number" || String(value) === context?.source) return value;
    if (context?.source && JSON.rawJSON) return JSON.rawJSON(context.source);
    if (Number.isInteger(value) && !Number.isSafeInteger(value)) throw new SyntaxError("a number is too large here");
    return value;
  });
}

export function isJson(text) {
  try {
    parseExactly(text);
    return true;
  } catch {
    return false;
  }
}

export const numeric = (value) => typeof value === "number" || Boolean(JSON.isRawJSON?.(value));
