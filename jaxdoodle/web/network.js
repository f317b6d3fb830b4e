// The network. Images are Float32Arrays (height, width, channels), with the channels of a pixel side by side.

const product = (shape) => shape.reduce((a, b) => a * b, 1);

const TYPES = { int8: Int8Array, uint8: Uint8Array, float32: Float32Array };
export const decode = ({ type, data }) => new TYPES[type](Uint8Array.from(atob(data), (c) => c.charCodeAt(0)).buffer);

// Each number rounded to the nearest level, halves to even.
function levels(x, { x_scale, x_low, x_high }) {
  const room = 2 ** 52 * 1.5; // a double this large has no bits for fractions
  return Int16Array.from(x, (value) => {
    const level = Math.fround(value / x_scale);
    return Math.min(Math.max(level, x_low), x_high) + room - room;
  });
}

// Calls visit(i, j, pixel) for each offset (i, j) in a window with its corner at (row, column) that lies on the
// image; pixel is the index of its first channel.
function overWindow([height, width, channels], [rows, columns], row, column, visit) {
  for (let i = Math.max(0, -row); i < rows && row + i < height; i++)
    for (let j = Math.max(0, -column); j < columns && column + j < width; j++)
      visit(i, j, ((row + i) * width + column + j) * channels);
}

function pool(layer, x, [rows, columns], [down, right], start, combine, finish) {
  const [height, width, channels] = layer.input_shape;
  const [outRows, outColumns] = layer.output_shape.length === 3 ? layer.output_shape : [1, 1];
  const y = new Float32Array(product(layer.output_shape));
  for (let position = 0; position < outRows * outColumns; position++) {
    const row = Math.floor(position / outColumns) * down, column = (position % outColumns) * right;
    for (let c = 0; c < channels; c++) {
      let value = start;
      overWindow([height, width, channels], [rows, columns], row, column, (i, j, pixel) => {
        value = combine(value, x[pixel + c]);
      });
      y[position * channels + c] = finish(value, rows * columns);
    }
  }
  return y;
}

const average = (layer, x, window, stride) =>
  pool(layer, x, window, stride, 0, (sum, pixel) => sum + pixel, (sum, n) => sum / n);

// The sum of x[i] * w[at + i] over the length of x, in four sums that do not wait for each other.
function dot(x, w, at) {
  const n = x.length, whole = n - (n % 4);
  let a = 0, b = 0, c = 0, d = 0;
  for (let i = 0; i < whole; i += 4, at += 4) {
    a += x[i] * w[at];
    b += x[i + 1] * w[at + 1];
    c += x[i + 2] * w[at + 2];
    d += x[i + 3] * w[at + 3];
  }
  for (let i = whole; i < n; i++, at++) a += x[i] * w[at];
  return a + b + (c + d);
}

// Weights are stored outputs first: each output is a sum along one contiguous run of them.
function dense({ w, b, scale }, x) {
  return Float32Array.from(b, (bias, unit) => dot(x, w, unit * x.length) * (scale ? scale[unit] : 1) + bias);
}

function conv2d({ w, b, scale, pads, stride, kernel_size, input_shape, output_shape }, x) {
  const [height, width, channels] = input_shape, [rows, columns, filters] = output_shape;
  const [kernelRows, kernelColumns] = kernel_size, line = kernelColumns * channels;
  const y = new Float32Array(rows * columns * filters);
  const patch = new Float32Array(kernelRows * line); // what the kernel lies on, 0 beyond the image
  for (let position = 0; position < rows * columns; position++) {
    const top = Math.floor(position / columns) * stride[0] - pads[0];
    const left = (position % columns) * stride[1] - pads[1];
    const first = Math.max(0, -left), beyond = Math.min(kernelColumns, width - left);
    let blank = true;
    patch.fill(0);
    for (let i = Math.max(0, -top); i < kernelRows && top + i < height; i++) {
      const from = ((top + i) * width + left) * channels, to = i * line;
      for (let k = first * channels; k < beyond * channels; k++) {
        const value = x[from + k];
        patch[to + k] = value;
        if (value !== 0) blank = false;
      }
    }
    for (let f = 0; f < filters; f++)
      y[position * filters + f] = (blank ? 0 : dot(patch, w, f * patch.length) * (scale ? scale[f] : 1)) + b[f];
  }
  return y;
}

export function softmax(x) {
  const top = Math.max(...x), e = Array.from(x, (score) => Math.exp(score - top));
  const sum = e.reduce((a, b) => a + b, 0);
  return e.map((value) => value / sum);
}

export const LAYERS = {
  Dense: dense,
  Conv2D: conv2d,
  MaxPool2D: (layer, x) =>
    pool(layer, x, layer.window, layer.stride, -Infinity, Math.max, (value) => value),
  AvgPool2D: (layer, x) => average(layer, x, layer.window, layer.stride),
  GlobalAvgPool2D: (layer, x) => average(layer, x, layer.input_shape, [1, 1]),
  Flatten: (layer, x) => x,
  ReLU: (layer, x) => x.map((value) => Math.max(value, 0)),
  LeakyReLU: (layer, x) => x.map((value) => (value > 0 ? value : layer.slope * value)),
  Clip: ({ low, high }, x) => x.map((value) => Math.min(Math.max(value, low), high)),
  Pad2D: ({ pads: [[top], [left]], value, input_shape: [rows, columns, channels], output_shape }, x) => {
    const y = new Float32Array(product(output_shape)).fill(value), line = columns * channels;
    for (let i = 0; i < rows; i++)
      y.set(x.subarray(i * line, (i + 1) * line), ((top + i) * output_shape[1] + left) * channels);
    return y;
  },
  Sigmoid: (layer, x) => x.map((value) => 1 / (1 + Math.exp(-value))),
  Tanh: (layer, x) => x.map(Math.tanh),
  Softmax: (layer, x) => {
    const n = layer.input_shape.at(-1), y = new Float32Array(x.length);
    for (let at = 0; at < x.length; at += n) y.set(softmax(x.subarray(at, at + n)), at);
    return y;
  },
  BatchNorm: ({ scale, shift }, x) => x.map((value, i) => value * scale[i % scale.length] + shift[i % shift.length]),
};

// A model in JSON with its arrays decoded.
export function decoded(model) {
  const layers = model.layers.map((layer) => {
    const arrays = Object.entries(layer.arrays).map(([name, packed]) => [name, decode(packed)]);
    return { ...layer, ...Object.fromEntries(arrays) };
  });
  return { ...model, layers };
}

// The logits of one bitmap, 0 to 255.
export function logits(model, bitmap) {
  const { divisor, mean = 0, std = 1 } = model.contract;
  return run(model.layers, Float32Array.from(bitmap, (ink) => (ink / divisor - mean) / std));
}

// What layers make of x.
export function run(layers, x) {
  for (const layer of layers) x = LAYERS[layer.type](layer, layer.levels ? levels(x, layer.levels) : x);
  return x;
}

// The energy score of a drawing: log-sum-exp of its logits.
export function energy(outputs) {
  const top = Math.max(...outputs);
  return top + Math.log(outputs.reduce((sum, score) => sum + Math.exp(score - top), 0));
}

// {probabilities, abstained} from the logits.
export function decide(model, outputs) {
  const { ends_in_softmax, temperature } = model;
  const probabilities = ends_in_softmax ? Array.from(outputs) : softmax(outputs.map((score) => score / temperature));
  return { probabilities, abstained: model.abstain_below !== null && energy(outputs) < model.abstain_below };
}

// Whether the logits of the reference examples are reproduced.
export function reproducesExamples(model) {
  const examples = model.reference_examples;
  const images = decode(examples.images), expected = decode(examples.logits);
  const classes = model.classes.length, pixels = product(model.contract.image_shape);
  const found = Array.from({ length: expected.length / classes }, (_, i) => {
    return [...logits(model, images.subarray(i * pixels, (i + 1) * pixels))];
  });
  return found.flat().every((score, i) => Math.abs(score - expected[i]) <= examples.allowed);
}
