// The exact runtime through its C ABI, in any JavaScript engine; see model-runtime/src/exact.rs.

/**
 * A function from the parts of a call, a JSON text and the buffers that it names, to those of the answer. Every import
 * of the module traps: a job needs none.
 */
export async function open(bytes) {
  const module = await WebAssembly.compile(bytes);
  const imports = {};
  for (const { module: from, name } of WebAssembly.Module.imports(module)) {
    imports[from] ??= {};
    imports[from][name] = () => {
      throw new Error(`the exact runtime called ${name}, which no job needs`);
    };
  }
  const { exports: abi } = await WebAssembly.instantiate(module, imports);
  return (parts) => {
    const frame = toFrame(parts);
    const start = abi.delea_alloc(frame.length);
    new Uint8Array(abi.memory.buffer, start, frame.length).set(frame);
    const answer = abi.delea_call(start, frame.length) >>> 0;
    const length = new DataView(abi.memory.buffer).getUint32(answer - 4, true);
    const parted = fromFrame(new Uint8Array(abi.memory.buffer, answer, length).slice());
    abi.delea_free(answer, length);
    return parted;
  };
}

/** Each part with its length before it. */
export function toFrame([json, ...beside]) {
  const parts = [new TextEncoder().encode(json), ...beside];
  const frame = new Uint8Array(parts.reduce((sum, part) => sum + 4 + part.length, 0));
  const view = new DataView(frame.buffer);
  let at = 0;
  for (const part of parts) {
    view.setUint32(at, part.length, true);
    frame.set(part, at + 4);
    at += 4 + part.length;
  }
  return frame;
}

/** The parts of a frame. */
export function fromFrame(frame) {
  const view = new DataView(frame.buffer, frame.byteOffset);
  const parts = [];
  for (let at = 0; at < frame.length; ) {
    const length = view.getUint32(at, true);
    parts.push(frame.subarray(at + 4, at + 4 + length));
    at += 4 + length;
  }
  const [json, ...beside] = parts;
  return [new TextDecoder().decode(json), ...beside];
}
