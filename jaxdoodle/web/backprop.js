// The derivative by hand of a stack of dense layers under softmax cross-entropy, as jaxdoodle.nn.backprop has it.
//
// Arrays are flat and row by row: x (rows, inputs), w (inputs, units), b (units). All are of the type of x, Float32Array
// or Float64Array. A layer is { type: "Dense", inputs, units } or an activation { type: "ReLU" }, ...

// Dense: y = x w + b; dw = x^T dy, db = sum over the rows of dy, dx = dy w^T.
const Dense = {
  forward({ inputs, units }, { w, b }, x) {
    const rows = x.length / inputs, y = new x.constructor(rows * units);
    for (let r = 0; r < rows; r++) {
      const to = r * units;
      y.set(b, to);
      for (let i = 0; i < inputs; i++) {
        const value = x[r * inputs + i];
        if (value !== 0) for (let u = 0, at = i * units; u < units; u++) y[to + u] += value * w[at + u];
      }
    }
    return [y, x];
  },
  backward({ inputs, units }, { w }, x, dy, wanted) {
    const rows = x.length / inputs, dw = new x.constructor(inputs * units), db = new x.constructor(units);
    const dx = wanted ? new x.constructor(x.length) : null;
    for (let r = 0; r < rows; r++) {
      const from = r * units;
      for (let u = 0; u < units; u++) db[u] += dy[from + u];
      for (let i = 0; i < inputs; i++) {
        const value = x[r * inputs + i], at = i * units;
        if (value !== 0) for (let u = 0; u < units; u++) dw[at + u] += value * dy[from + u];
        if (!dx) continue;
        let sum = 0;
        for (let u = 0; u < units; u++) sum += dy[from + u] * w[at + u];
        dx[r * inputs + i] = sum;
      }
    }
    return [{ w: dw, b: db }, dx];
  },
};

// y = f(x); dx = dy f'(x), where slope gives f' from x and y.
const activation = (f, slope) => ({
  forward(layer, params, x) {
    const y = x.map((value) => f(value, layer));
    return [y, [x, y]];
  },
  backward: (layer, params, [x, y], dy) => [{}, dy.map((value, i) => value * slope(x[i], y[i], layer))],
});

// The derivative at a kink is that of the library: 0 for ReLU, `slope` for LeakyReLU.
export const LAYERS = {
  Dense,
  ReLU: activation((x) => Math.max(x, 0), (x) => (x > 0 ? 1 : 0)),
  LeakyReLU: activation((x, { slope }) => (x > 0 ? x : slope * x), (x, y, { slope }) => (x > 0 ? 1 : slope)),
  Sigmoid: activation((x) => 1 / (1 + Math.exp(-x)), (x, y) => y * (1 - y)),
  Tanh: activation(Math.tanh, (x, y) => 1 - y * y),
};

export function forward(layers, params, x) {
  const residuals = [];
  for (const [i, layer] of layers.entries()) {
    const [y, kept] = LAYERS[layer.type].forward(layer, params[i], x);
    residuals.push(kept);
    x = y;
  }
  return { logits: x, residuals };
}

// Mean over the rows of log sum_c exp(z_c) - z_label; dz = (softmax(z) - one_hot(label)) / rows.
export function softmaxCrossEntropy(logits, labels) {
  const rows = labels.length, classes = logits.length / rows, dlogits = new logits.constructor(logits.length);
  let loss = 0;
  for (let r = 0; r < rows; r++) {
    const at = r * classes;
    let top = -Infinity, sum = 0;
    for (let c = 0; c < classes; c++) top = Math.max(top, logits[at + c]);
    for (let c = 0; c < classes; c++) sum += dlogits[at + c] = Math.exp(logits[at + c] - top);
    for (let c = 0; c < classes; c++) dlogits[at + c] /= sum * rows;
    dlogits[at + labels[r]] -= 1 / rows;
    loss += (top + Math.log(sum) - logits[at + labels[r]]) / rows;
  }
  return { loss, dlogits };
}

// Loss and gradient: { loss, grads }. The penalty is l2 times the sum of (w - start)^2 over the weights of dense layers;
// where no start is given, of w^2. Biases are free.
export function valueAndGrad(layers, params, x, labels, { l2 = 0, start = null } = {}) {
  const { logits, residuals } = forward(layers, params, x);
  let { loss, dlogits: dy } = softmaxCrossEntropy(logits, labels);
  const grads = [];
  for (let i = layers.length - 1; i >= 0; i--) {
    const [dparams, dx] = LAYERS[layers[i].type].backward(layers[i], params[i], residuals[i], dy, i > 0);
    grads.unshift(dparams);
    dy = dx;
    if (!l2 || !dparams.w) continue;
    const { w } = params[i], origin = start?.[i].w;
    for (let k = 0; k < w.length; k++) {
      const away = w[k] - (origin ? origin[k] : 0);
      loss += l2 * away * away;
      dparams.w[k] += 2 * l2 * away;
    }
  }
  return { loss, grads };
}
