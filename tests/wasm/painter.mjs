// What is asked of the studio's network and what it is taught, in Node and in a page.

export const STORED = 64;

/** The base with room for an adapter of `rank` and one word more. */
export const adapted = (base, rank, word) => ({
  ...base.painter,
  words: [...base.painter.words, word],
  adapter: { base: base.parameters, rank, alpha: rank },
});

export const specOf = (painter) => ({
  input: { type: "features", size: painter.sizes.length + 4 },
  painter,
  task: { type: "painting", channels: painter.sizes.channels, side: painter.sizes.side },
});

/** An example of a painter's input. */
export function ask(painter, prompt, { seed = 7, steps = 20, guidance = 3, scale = 1 } = {}) {
  const words = prompt.split(" ").map((word) => painter.words.indexOf(word) + 1);
  if (words.includes(0)) throw new Error(`a word of "${prompt}" is not known`);
  return Float32Array.from([...words, ...Array(painter.sizes.length - words.length).fill(0), seed, steps, guidance, scale]);
}

/** A yellow ring on violet, as the studio stores pictures: nothing that an emoji shows. */
export function ring() {
  const pixels = new Uint8Array(STORED * STORED * 4);
  for (let i = 0; i < STORED * STORED; i++) {
    const far = Math.hypot((i % STORED) - 31.5, Math.floor(i / STORED) - 31.5);
    pixels.set(Math.abs(far - 19) < 6 ? [255, 224, 32, 255] : [96, 32, 192, 255], i * 4);
  }
  return pixels;
}
