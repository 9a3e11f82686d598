/** Lays `over` on `base`, member by member; arrays and values replace, null removes. Neither is changed. */
export function mergePolicy(base: object, over: object): Record<string, unknown> {
  const merged = new Map<string, unknown>(Object.entries(base));
  for (const [key, value] of Object.entries(over) as [string, unknown][]) {
    // Left to the schema, which refuses the name; assigned, it would change the object's prototype.
    if (key === "__proto__") continue;
    const held = merged.get(key);
    if (value === null) merged.delete(key);
    else if (isPlain(value) && isPlain(held) && key !== "mode") merged.set(key, mergePolicy(held, value));
    else merged.set(key, value);
  }
  return Object.fromEntries(merged);
}

function isPlain(value: unknown): value is object {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
