// Messages of the runtime: JSON, and beside it the bytes that it names; see model-runtime/src/wire.rs.

/** A value as `[json, buffer, …]`. A bigint keeps all its digits. */
export function encode(value) {
  const beside = [];
  const json = JSON.stringify(value, (_, inner) => {
    if (typeof inner === "bigint") return `$number:${inner}`;
    return inner instanceof Uint8Array ? { $bytes: beside.push(inner) - 1 } : inner;
  });
  return [json.replace(/"\$number:(\d+)"/g, "$1"), ...beside];
}

/** The value of `[json, buffer, …]`. */
export function decode([json, ...beside]) {
  return JSON.parse(json, (_, inner) => (inner && Object.hasOwn(inner, "$bytes") ? beside[inner.$bytes] : inner));
}
