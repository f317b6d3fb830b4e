"use strict";

// The network. Images are Float32Arrays (height, width, channels), with the channels of a pixel side by side.
const Network = (() => {
  const product = (shape) => shape.reduce((a, b) => a * b, 1);

  const TYPES = { int8: Int8Array, uint8: Uint8Array, float32: Float32Array };
  const decode = ({ type, data }) => new TYPES[type](Uint8Array.from(atob(data), (c) => c.charCodeAt(0)).buffer);

  // Each number as the nearest level, halves to even.
  function levels(x, { x_scale, x_low, x_high }) {
    const room = 2 ** 52 * 1.5; // a double this large has no place for fractions
    return Int16Array.from(x, (value) => {
      const level = Math.fround(value / x_scale);
      return Math.min(Math.max(level, x_low), x_high) + room - room;
    });
  }

  // Calls visit(i, j, pixel) for each place (i, j) of a window with its corner at (row, column) that lies on the image;
  // pixel is where its channels begin.
  function overWindow([height, width, channels], [rows, columns], row, column, visit) {
    for (let i = Math.max(0, -row); i < rows && row + i < height; i++)
      for (let j = Math.max(0, -column); j < columns && column + j < width; j++)
        visit(i, j, ((row + i) * width + column + j) * channels);
  }

  function pool(step, x, [rows, columns], [down, right], start, combine, finish) {
    const [height, width, channels] = step.input_shape;
    const [outRows, outColumns] = step.output_shape.length === 3 ? step.output_shape : [1, 1];
    const y = new Float32Array(product(step.output_shape));
    for (let place = 0; place < outRows * outColumns; place++) {
      const row = Math.floor(place / outColumns) * down, column = (place % outColumns) * right;
      for (let c = 0; c < channels; c++) {
        let value = start;
        overWindow([height, width, channels], [rows, columns], row, column, (i, j, pixel) => {
          value = combine(value, x[pixel + c]);
        });
        y[place * channels + c] = finish(value, rows * columns);
      }
    }
    return y;
  }

  const average = (step, x, window, stride) =>
    pool(step, x, window, stride, 0, (sum, pixel) => sum + pixel, (sum, n) => sum / n);

  // Weights are stored outputs first, so each output is a sum along one run of them.
  function dense(step, x) {
    const { w, b, scale } = step;
    return Float32Array.from(b, (bias, unit) => {
      let sum = 0;
      for (let i = 0, at = unit * x.length; i < x.length; i++) sum += x[i] * w[at + i];
      return sum * (scale ? scale[unit] : 1) + bias;
    });
  }

  function conv2d(step, x) {
    const { w, b, scale, layer, pads } = step;
    const channels = step.input_shape[2];
    const [rows, columns, filters] = step.output_shape;
    const [down, right] = layer.stride;
    const [kernelRows, kernelColumns] = layer.kernel_size;
    const y = new Float32Array(rows * columns * filters);
    const sums = new Float64Array(filters);
    for (let place = 0; place < rows * columns; place++) {
      const row = Math.floor(place / columns) * down - pads[0], column = (place % columns) * right - pads[1];
      sums.fill(0);
      overWindow(step.input_shape, layer.kernel_size, row, column, (i, j, pixel) => {
        for (let f = 0; f < filters; f++) {
          const at = ((f * kernelRows + i) * kernelColumns + j) * channels;
          let sum = 0;
          for (let c = 0; c < channels; c++) sum += x[pixel + c] * w[at + c];
          sums[f] += sum;
        }
      });
      for (let f = 0; f < filters; f++) y[place * filters + f] = sums[f] * (scale ? scale[f] : 1) + b[f];
    }
    return y;
  }

  function softmax(x) {
    const top = Math.max(...x), e = Array.from(x, (score) => Math.exp(score - top));
    const sum = e.reduce((a, b) => a + b, 0);
    return e.map((value) => value / sum);
  }

  const LAYERS = {
    Dense: dense,
    Conv2D: conv2d,
    MaxPool2D: (step, x) =>
      pool(step, x, step.layer.window, step.layer.stride, -Infinity, Math.max, (value) => value),
    AvgPool2D: (step, x) => average(step, x, step.layer.window, step.layer.stride),
    GlobalAvgPool2D: (step, x) => average(step, x, step.input_shape, [1, 1]),
    Flatten: (step, x) => x,
    ReLU: (step, x) => x.map((value) => Math.max(value, 0)),
    LeakyReLU: (step, x) => x.map((value) => (value > 0 ? value : step.layer.slope * value)),
    Sigmoid: (step, x) => x.map((value) => 1 / (1 + Math.exp(-value))),
    Tanh: (step, x) => x.map(Math.tanh),
    Softmax: (step, x) => {
      const n = step.input_shape.at(-1), y = new Float32Array(x.length);
      for (let at = 0; at < x.length; at += n) y.set(softmax(x.subarray(at, at + n)), at);
      return y;
    },
    BatchNorm: ({ scale, shift }, x) => x.map((value, i) => value * scale[i % scale.length] + shift[i % shift.length]),
  };

  // The model of the page, with its arrays decoded.
  function load(model) {
    const steps = model.steps.map((step) => {
      const arrays = Object.entries(step.arrays).map(([name, packed]) => [name, decode(packed)]);
      return { ...step, ...Object.fromEntries(arrays) };
    });
    return { ...model, steps };
  }

  // The outputs for one bitmap, 0 to 255.
  function logits(model, bitmap) {
    let x = Float32Array.from(bitmap, (ink) => ink / model.contract.divisor);
    for (const step of model.steps) x = LAYERS[step.layer.type](step, step.levels ? levels(x, step.levels) : x);
    return x;
  }

  // {probabilities, abstained} from the outputs.
  function judge(model, outputs) {
    const { ends_in_softmax, temperature } = model;
    const probabilities = ends_in_softmax ? Array.from(outputs) : softmax(outputs.map((score) => score / temperature));
    const top = Math.max(...outputs);
    const energy = top + Math.log(outputs.reduce((sum, score) => sum + Math.exp(score - top), 0));
    return { probabilities, abstained: model.abstain_below !== null && energy < model.abstain_below };
  }

  // Whether the outputs for the images that came with the model are those that came with it.
  function provesItself(model) {
    const images = decode(model.goldens.images), expected = decode(model.goldens.logits);
    const classes = model.classes.length, pixels = product(model.contract.image_shape);
    const found = Array.from({ length: expected.length / classes }, (_, i) => {
      return [...logits(model, images.subarray(i * pixels, (i + 1) * pixels))];
    });
    return found.flat().every((score, i) => Math.abs(score - expected[i]) <= model.goldens.allowed);
  }

  return { LAYERS, load, logits, judge, provesItself };
})();
