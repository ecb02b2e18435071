// What the key may do, as the worker says. Law: a key of which nothing is known is shown everything; the worker refuses
// what it may not do.

export const UNKNOWN = { known: false, write: false, admin: false };

export async function accessOf(api) {
  const { ok, body } = await api.get("/whoami");
  const scope = ok ? body.data.scope : "admin";
  return { known: true, write: scope !== "read", admin: scope === "admin" || scope === "root" };
}
