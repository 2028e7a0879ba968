// The exact runtime, with messages for values; see model-runtime/host/exact.mjs.
import { open } from "../model-runtime/host/exact.mjs";
import { decode, encode } from "./wire.mjs";

/** A function from call to answer. */
export async function openExact(bytes) {
  const call = await open(bytes);
  return (asked) => {
    const value = decode(call(encode(asked)));
    if (value.type === "failed") throw new Error(JSON.stringify(value.error));
    return value;
  };
}

/** Runs a training to its end; gives its result. */
export function trainExact(call, job, segment) {
  call({ type: "begin", job: { job: "exact", evaluate_every: 0, ...job, segment: segment ?? null }, checkpoint: null });
  for (;;) {
    const answer = call({ type: "advance", steps: 1000 });
    if (answer.type === "trained") return answer;
  }
}
