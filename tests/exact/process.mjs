// The exact runtime in another process, as `delea-node exact` offers it.
import { decode, encode } from "../../local/wire.mjs";
import { fromFrame, toFrame } from "../../model-runtime/host/exact.mjs";

/** Calls over a process's standard streams: each frame after its length. */
export function speak(child) {
  let buffer = Buffer.alloc(0);
  let wake = () => {};
  child.stdout.on("data", (data) => {
    buffer = Buffer.concat([buffer, data]);
    wake();
  });
  const take = async (length) => {
    while (buffer.length < length) await new Promise((resolve) => (wake = resolve));
    const part = buffer.subarray(0, length);
    buffer = buffer.subarray(length);
    return part;
  };
  return async (value) => {
    const frame = toFrame(encode(value));
    const length = Buffer.alloc(4);
    length.writeUInt32LE(frame.length);
    child.stdin.write(Buffer.concat([length, frame]));
    const answer = decode(fromFrame(new Uint8Array(await take((await take(4)).readUInt32LE()))));
    if (answer.type === "failed") throw new Error(JSON.stringify(answer.error));
    return answer;
  };
}
