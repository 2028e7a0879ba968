// The same trainings in the peers, written as their own documentation does. Runs in the page.
// Each takes { sizes, batch, device } and gives a function that does `count` steps and waits for them.

const random = (count, scale) => Float32Array.from({ length: count }, (_, i) => Math.sin(i * 12.9898) * scale);
const RATE = 1e-3, B1 = 0.9, B2 = 0.999, EPS = 1e-8;

const targets = (batch, classes) => Float32Array.from({ length: batch * classes }, (_, i) => (i % classes === ((i / classes) | 0) % classes ? 1 : 0));

export async function jaxMlp({ sizes: [inputs, hidden, outputs], batch, device }) {
  const { init, defaultDevice, jit, valueAndGrad, numpy: np, nn, blockUntilReady } = await import("@jax-js/jax");
  await init(device);
  defaultDevice(device);
  const array = (shape, scale) => np.array(random(shape.reduce((a, b) => a * b, 1), scale)).reshape(shape);
  const zeros = (shape) => np.zeros(shape);
  const shapes = [[inputs, hidden], [hidden], [hidden, outputs], [outputs]];
  let params = shapes.map((shape) => array(shape, 0.05));
  let first = shapes.map(zeros);
  let second = shapes.map(zeros);
  const x = array([batch, inputs], 1);
  const y = np.array(targets(batch, outputs)).reshape([batch, outputs]);

  const loss = ([w1, b1, w2, b2], x, y) => {
    const h = nn.relu(np.dot(x, w1).add(b1));
    const logits = np.dot(h, w2).add(b2);
    return nn.logSoftmax(logits).mul(y).sum().mul(-1 / batch);
  };
  const gradients = valueAndGrad(loss);
  const step = jit((params, first, second, x, y, c1, c2) => {
    const [value, grads] = gradients(params.map((p) => p.ref), x, y);
    const m = first.map((m, i) => m.mul(B1).add(grads[i].ref.mul(1 - B1)));
    const v = second.map((v, i) => v.mul(B2).add(grads[i].ref.mul(grads[i]).mul(1 - B2)));
    const next = params.map((p, i) => {
      const mHat = m[i].ref.mul(c1.ref);
      const vHat = v[i].ref.mul(c2.ref);
      return p.sub(mHat.div(np.sqrt(vHat).add(EPS)).mul(RATE));
    });
    c1.dispose();
    c2.dispose();
    return [next, m, v, value];
  });
  let t = 0;
  return async (count) => {
    let value;
    for (let i = 0; i < count; i++) {
      t++;
      value?.dispose();
      const c1 = np.array(1 / (1 - B1 ** t)), c2 = np.array(1 / (1 - B2 ** t));
      [params, first, second, value] = step(params, first, second, x.ref, y.ref, c1, c2);
      if (i % 16 === 15) await blockUntilReady(value);
    }
    return (await value.jsAsync());
  };
}

async function tensorflow(device) {
  const tf = globalThis.tf;
  if (device === "wasm") tf.wasm.setWasmPaths("/node_modules/@tensorflow/tfjs-backend-wasm/dist/");
  await tf.setBackend(device);
  await tf.ready();
  return tf;
}

export async function tfMlp({ sizes: [inputs, hidden, outputs], batch, device }) {
  const tf = await tensorflow(device);
  const variable = (shape, scale) => tf.variable(tf.tensor(random(shape.reduce((a, b) => a * b, 1), scale), shape));
  const [w1, b1, w2, b2] = [variable([inputs, hidden], 0.05), variable([hidden], 0), variable([hidden, outputs], 0.05), variable([outputs], 0)];
  const x = tf.tensor(random(batch * inputs, 1), [batch, inputs]);
  const y = tf.tensor(targets(batch, outputs), [batch, outputs]);
  const optimizer = tf.train.adam(RATE, B1, B2, EPS);
  const loss = () => tf.losses.softmaxCrossEntropy(y, x.matMul(w1).add(b1).relu().matMul(w2).add(b2));
  return async (count) => {
    let value;
    for (let i = 0; i < count; i++) {
      value?.dispose();
      value = optimizer.minimize(loss, true);
      if (i % 16 === 15) await value.data();
    }
    return (await value.data())[0];
  };
}
