// Jobs of uploaded models: files that PyTorch, Keras, TensorFlow and scikit-learn wrote, and one of the page's own, read by
// the import worker. A browser has no such worker at hand here, so they are made once and handed over as JSON.
import { readFile } from "node:fs/promises";
import { openExact } from "../../local/exact.mjs";
import { exactRuntime, loadWorker } from "../../local/runtime.mjs";
import { dataset } from "./dataset.mjs";
import { jobOf, size } from "./jobs.mjs";

const digits = { type: "image", channels: 1, height: 8, width: 8 };

/** By name: the file, the data's shape, and its classes. */
const FILES = {
  "PyTorch's CNN": ["models/cnn.onnx", digits, 10],
  "Keras's CNN": ["models/keras.onnx", digits, 10],
  "TensorFlow's CNN": ["models/tensorflow.onnx", digits, 10],
  "scikit-learn's logistic regression": ["models/logistic.onnx", digits, 10],
  "scikit-learn's perceptron": ["models/perceptron.onnx", digits, 10],
  "PyTorch's ResNet": ["onnx/resnet.onnx", { type: "image", channels: 3, height: 12, width: 12 }, 5],
  "PyTorch's transformer": ["onnx/transformer.onnx", { type: "tokens", vocabulary: 32, length: 12 }, 5],
};

/** The jobs as plain JSON. */
export async function graphJobs(workers) {
  const importer = await loadWorker(workers, "import");
  const jobs = {};
  const add = async (name, file, input, classes) => {
    const { task } = dataset(input, size(input), classes, 120);
    const read = await importer({ type: "read_model", files: [{ name: "model.onnx", bytes: file }], input, task, specs: [] });
    const { spec } = read;
    jobs[name] = { spec, input, classes, parameters: Buffer.from(read.parameters).toString("base64") };
  };
  for (const [name, [file, input, classes]] of Object.entries(FILES)) {
    await add(name, new Uint8Array(await readFile(new URL(`../${file}`, import.meta.url))), input, classes);
  }
  const { spec, parameters } = jobOf(await openExact(await exactRuntime(workers)), "dropout");
  const { file } = await importer({ type: "export", spec, parameters, format: "onnx" });
  await add("the page's own, with dropout", file, spec.input, 4);
  return jobs;
}
