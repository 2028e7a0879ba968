// Messages of the runtime: JSON, and beside it the bytes that it names; see model-runtime/src/wire.rs.

/** A value as `[json, buffer, …]`. A bigint keeps all its digits, a list of floats its bytes; a worker reads a file itself. */
export function encode(value) {
  const beside = [];
  const json = JSON.stringify(value, (_, inner) => {
    if (typeof inner === "bigint") return `$number:${inner}`;
    if (inner instanceof Float32Array) inner = new Uint8Array(inner.buffer, inner.byteOffset, inner.byteLength);
    if (inner instanceof Blob) inner = [inner, null];
    else if (!(inner instanceof Uint8Array)) return inner;
    return { $bytes: beside.push(inner) - 1 };
  });
  return [json.replace(/"\$number:(\d+)"/g, "$1"), ...beside];
}

/** The floats of a buffer. */
export const floats = (bytes) => new Float32Array(bytes.slice().buffer);

/** The value of `[json, buffer, …]`. */
export function decode([json, ...beside]) {
  return JSON.parse(json, (_, inner) => (inner && Object.hasOwn(inner, "$bytes") ? beside[inner.$bytes] : inner));
}
