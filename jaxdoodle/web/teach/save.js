// What has been learned as files: the page that recognizes, and the model file.
import { logits as outputs } from "../network.js";
import { render } from "../strokes.js";
import { withHidden } from "./learner.js";
import { modelFile } from "./npz.js";

const EXAMPLES = 4; // reference examples of a file
const TOLERANCE = 1e-4; // of the largest logit, or of 1: as inference/model_file.py allows

const encode = (array) => {
  const bytes = new Uint8Array(array.buffer, array.byteOffset, array.byteLength);
  let text = "";
  for (let at = 0; at < bytes.length; at += 8192) text += String.fromCharCode(...bytes.subarray(at, at + 8192));
  const type = { Int8Array: "int8", Uint8Array: "uint8", Float32Array: "float32" }[array.constructor.name];
  return { type, data: btoa(text) };
};

// The layers of the learned network: those of the features, whose last dense layer `hidden` may have been learned, too, and
// the new last one. Weights are outputs first, as network.js has them.
function layersOf(network, { w, b, classes, hidden }) {
  const units = classes.length, inputs = w.length / units, turned = new Float32Array(w.length);
  for (let i = 0; i < inputs; i++) for (let u = 0; u < units; u++) turned[u * inputs + i] = w[i * units + u];
  const last = { type: "Dense", units, kernel_init: "glorot_uniform", input_shape: [inputs], output_shape: [units] };
  return [...withHidden(network, hidden), { ...last, w: turned, b: Float32Array.from(b) }];
}

// { images, logits } of the first drawing of each class.
function examplesOf(network, layers, drawings) {
  const images = drawings.slice(0, EXAMPLES).map((drawing) => render(drawing, network.contract));
  return { images, logits: images.map((image) => outputs({ ...network, layers }, image)) };
}

const joined = (arrays) => {
  const whole = new arrays[0].constructor(arrays.length * arrays[0].length);
  arrays.forEach((array, i) => whole.set(array, i * array.length));
  return whole;
};

const metadataOf = (network, head, names, provenance) => {
  const { spec, contract } = network, last = { type: "Dense", units: names.length, init: "glorot_uniform" };
  const layers = { ...spec, layers: [...spec.layers, last], classes: names };
  return { spec: layers, contract, temperature: head.temperature, abstain_below: head.abstain_below, provenance };
};

// The learned model in JSON, as jaxdoodle.js loads it.
export function description(network, head, names, drawings, provenance) {
  const layers = layersOf(network, head), { images, logits } = examplesOf(network, layers, drawings);
  const largest = Math.max(1, ...logits.flatMap((row) => Array.from(row, Math.abs)));
  const parameters = layers.reduce((sum, { w, b }) => sum + (w?.length ?? 0) + (b?.length ?? 0), 0);
  return {
    ...metadataOf(network, head, names, provenance),
    reference_examples: { images: encode(joined(images)), logits: encode(joined(logits)), allowed: TOLERANCE * largest },
    classes: names,
    parameters,
    ends_in_softmax: false,
    layers: layers.map((layer) => {
      const { arrays, ...plain } = layer, packed = {};
      for (const [name, value] of Object.entries(plain)) {
        if (!ArrayBuffer.isView(value)) continue;
        packed[name] = encode(value);
        delete plain[name];
      }
      return { ...plain, arrays: packed };
    }),
  };
}

// The learned model as the bytes of a model.npz.
export function npzOf(network, head, names, drawings, provenance) {
  const layers = layersOf(network, head), { images, logits } = examplesOf(network, layers, drawings), members = {};
  for (const [i, layer] of layers.entries())
    for (const [name, value] of Object.entries(parametersOf(layer))) members[`layers/${i}/${name}.npy`] = value;
  members["goldens/inputs.npy"] = { array: joined(images), shape: [images.length, ...network.contract.image_shape] };
  members["goldens/logits.npy"] = { array: joined(logits), shape: [logits.length, names.length] };
  return modelFile(metadataOf(network, head, names, provenance), members);
}

// The arrays of a layer as a model file has them: weights outputs last, in float32.
function parametersOf({ type, w, b, scale, shift, kernel_size, input_shape, epsilon }) {
  if (type === "BatchNorm") {
    const fill = (value) => ({ array: new Float32Array(scale.length).fill(value), shape: [scale.length] });
    const of = (array) => ({ array, shape: [array.length] });
    return { scale: of(scale), shift: of(shift), mean: fill(0), var: fill(1 - epsilon) };
  }
  if (!w) return {};
  const units = b.length, inputs = w.length / units, array = new Float32Array(w.length);
  for (let u = 0; u < units; u++)
    for (let i = 0; i < inputs; i++) array[i * units + u] = w[u * inputs + i] * (scale ? scale[u] : 1);
  const shape = type === "Conv2D" ? [...kernel_size, input_shape.at(-1), units] : [inputs, units];
  return { w: { array, shape }, b: { array: b, shape: [units] } };
}

// The page that recognizes with a model in JSON in it.
export const pageOf = (page, model) => page.split("{{model}}").join(JSON.stringify(model).replaceAll("<", "\\u003c"));

// Hands a file to the person.
export function download(name, content, type) {
  const address = URL.createObjectURL(new Blob([content], { type }));
  Object.assign(document.createElement("a"), { href: address, download: name }).click();
  setTimeout(() => URL.revokeObjectURL(address), 60_000);
}
