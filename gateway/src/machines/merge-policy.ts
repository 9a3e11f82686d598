/** Lays `over` on `base`, member by member; arrays and values replace, null removes. Neither is changed. */
export function mergePolicy(base: object, over: object): Record<string, unknown> {
  const merged: Record<string, unknown> = { ...base };
  for (const [key, value] of Object.entries(over) as [string, unknown][]) {
    // Left to the schema, which refuses the name; assigned, it would change the object's prototype.
    if (key === "__proto__") continue;
    const held = merged[key];
    if (value === null) delete merged[key];
    else if (isPlain(value) && isPlain(held) && !(key === "mode")) merged[key] = mergePolicy(held, value);
    else merged[key] = value;
  }
  return merged;
}

function isPlain(value: unknown): value is object {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
