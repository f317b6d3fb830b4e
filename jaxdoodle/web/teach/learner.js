// How a few drawings become the last layer of a network, or the last two. Pure functions; the long ones are generators
// that give way every few milliseconds and take up where they left.
import { forward, valueAndGrad } from "../backprop.js";
import { energy, logits as outputs, run } from "../network.js";
import { render } from "../strokes.js";

const START = 4; // logits of the first guess, in squares of the features' spread
const COPIES = 9; // copies of a drawing that it is learned from, besides itself
const MOST_ROWS = 4000; // drawings and copies together; beyond it there are fewer copies
const STEPS = 120; // updates of the last layer
const RATE = 0.05; // of Adam, for the last layer
const L2 = 2e-3; // of the weights of the last layer, in units of the features' spread
const DEEP = { steps: 40, rate: 1e-4, l2: 1 }; // of the last two layers; l2 holds them to where they began
const BATCH = 512; // rows of an update
const FOLDS = 24; // most parts of the drawings that are judged by what was learned from the others
const LEAST_FOLDS = 4; // the same for the last two layers, and for so many drawings that there are few copies

// A generator of numbers below 1 from a whole number: mulberry32.
export function generator(seed) {
  return () => {
    seed = (seed + 0x6d2b79f5) | 0;
    let t = Math.imul(seed ^ (seed >>> 15), seed | 1);
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32;
  };
}

// A drawing as another hand might have drawn it: turned, stretched, bent, each stroke a little elsewhere; or its mirror
// image, left to right, drawn so.
export function bend(drawing, random, mirrored = false) {
  const normal = () => Math.sqrt(-2 * Math.log(1 - random())) * Math.cos(2 * Math.PI * random());
  const all = [0, 1].map((axis) => drawing.flatMap((stroke) => stroke[axis]));
  const low = all.map((values) => Math.min(...values)), high = all.map((values) => Math.max(...values));
  const side = Math.max(high[0] - low[0], high[1] - low[1]) || 1;
  const turn = 0.14 * normal(), shear = 0.1 * normal(), stretch = [0, 1].map(() => Math.exp(0.12 * normal()));
  const waves = [0, 1].map(() => [0.025 * normal(), 4 * normal(), 4 * normal(), 2 * Math.PI * random()]);
  return drawing.map(([xs, ys]) => {
    const shift = [0.02 * normal(), 0.02 * normal()];
    const points = xs.map((x, i) => {
      const u = ((x - low[0]) / side - 0.5) * (mirrored ? -1 : 1), v = (ys[i] - low[1]) / side - 0.5;
      const p = stretch[0] * (u + shear * v), q = stretch[1] * v;
      const at = [
        Math.cos(turn) * p - Math.sin(turn) * q + shift[0],
        Math.sin(turn) * p + Math.cos(turn) * q + shift[1],
      ];
      return at.map((value, axis) => {
        const [height, a, b, phase] = waves[axis];
        return 1000 * (value + height * Math.sin(a * at[0] + b * at[1] + phase));
      });
    });
    return [points.map(([x]) => x), points.map(([, y]) => y)];
  });
}

// What the network sees of a drawing, just before the last two layers: { trunk }, and before the last: features.
export function featuresOf(network, drawing) {
  const trunk = outputs({ ...network, layers: network.layers.slice(0, network.cut) }, render(drawing, network.contract));
  return { trunk, features: run(network.layers.slice(network.cut), trunk) };
}

// How many copies of each drawing are learned from where there are so many drawings.
export const copiesFor = (drawings) => Math.max(0, Math.min(COPIES, Math.floor(MOST_ROWS / drawings) - 1));

const flipped = (drawing) => drawing.map(([xs, ys]) => [xs.map((x) => -x), ys]);

// The rows of a sample { id, drawing }, one at a time: the drawing itself, then its copies; where mirror images are of the same class,
// its mirror image as it is, and every other copy bent from it.
export function* rowsOf(network, sample, copies, mirror = true) {
  const random = generator(sample.id), rows = [featuresOf(network, sample.drawing)];
  yield;
  for (let copy = 0; copy < copies; copy++) {
    const mirrored = mirror && copy % 2 === 0, whole = mirrored && copy === 0;
    const copied = whole ? flipped(sample.drawing) : bend(sample.drawing, random, mirrored);
    rows.push(featuresOf(network, copied));
    yield;
  }
  return rows;
}

function concatenated(rows) {
  const size = rows[0].length, whole = new Float32Array(rows.length * size);
  rows.forEach((row, i) => whole.set(row, i * size));
  return whole;
}

// Mean of the class means, and the spread around it: one number for all features.
function scaleOf(x, size) {
  const rows = x.length / size, mean = new Float32Array(size);
  for (let at = 0; at < x.length; at++) mean[at % size] += x[at] / rows;
  let sum = 0;
  for (let at = 0; at < x.length; at++) sum += (x[at] - mean[at % size]) ** 2;
  return { mean, spread: Math.sqrt(sum / rows) || 1 };
}

// The last layer that gives each class the logit of the distance to its mean.
function nearestMean(x, labels, size, classes) {
  const w = new Float32Array(size * classes), b = new Float32Array(classes), counts = new Float32Array(classes);
  labels.forEach((label) => counts[label]++);
  labels.forEach((label, r) => {
    for (let i = 0; i < size; i++) w[i * classes + label] += x[r * size + i] / counts[label];
  });
  for (let c = 0; c < classes; c++) {
    let squared = 0;
    for (let i = 0; i < size; i++) squared += w[i * classes + c] ** 2;
    b[c] = counts[c] ? -squared / 2 : -100; // a class without drawings is never the answer
  }
  for (let k = 0; k < w.length; k++) w[k] *= START;
  for (let c = 0; c < classes; c++) b[c] *= START;
  return [{ w, b }];
}

// Adam (Kingma and Ba 2015) with a rate that falls to 0, on batches in turn.
function* descend(layers, params, x, labels, { steps, rate, l2, start }) {
  const size = x.length / labels.length, batch = Math.min(BATCH, labels.length);
  const order = Uint32Array.from(labels, (_, i) => i), random = generator(1);
  const zeros = (p) => Object.fromEntries(Object.keys(p).map((name) => [name, p[name].slice().fill(0)]));
  const firsts = params.map(zeros), seconds = params.map(zeros);
  let next = labels.length;
  for (let step = 1; step <= steps; step++) {
    let rows = x, chosen = labels;
    if (batch < labels.length) {
      if (next + batch > labels.length) {
        for (let i = order.length - 1; i > 0; i--) {
          const j = Math.floor(random() * (i + 1));
          [order[i], order[j]] = [order[j], order[i]];
        }
        next = 0;
      }
      const picked = order.subarray(next, (next += batch));
      rows = concatenated(Array.from(picked, (r) => x.subarray(r * size, (r + 1) * size)));
      chosen = Array.from(picked, (r) => labels[r]);
    }
    const { grads } = valueAndGrad(layers, params, rows, chosen, { l2, start });
    const falling = (rate * (1 + Math.cos((Math.PI * step) / steps))) / 2;
    const now = (falling * Math.sqrt(1 - 0.999 ** step)) / (1 - 0.9 ** step);
    params.forEach((p, i) => {
      for (const name of Object.keys(p)) {
        const first = firsts[i][name], second = seconds[i][name], grad = grads[i][name], value = p[name];
        for (let k = 0; k < value.length; k++) {
          first[k] = 0.9 * first[k] + 0.1 * grad[k];
          second[k] = 0.999 * second[k] + 0.001 * grad[k] * grad[k];
          value[k] -= (now * first[k]) / (Math.sqrt(second[k]) + 1e-8);
        }
      }
    });
    yield;
  }
  return params;
}

// The last layer for groups of rows { features }: { w, b } on the features as they are.
export function* lastLayer(groups, labels, classes, steps = STEPS) {
  const rows = groups.flat().map(({ features }) => features), of = repeated(groups, labels);
  const x = concatenated(rows), size = rows[0].length, { mean, spread } = scaleOf(x, size);
  for (let at = 0; at < x.length; at++) x[at] = (x[at] - mean[at % size]) / spread;
  const layers = [{ type: "Dense", inputs: size, units: classes }];
  const start = nearestMean(x, of, size, classes);
  const [{ w, b }] = yield* descend(layers, start, x, of, { steps, rate: RATE, l2: L2 });
  return unscaled(w, b, mean, spread, classes);
}

// w and b for features that have not been scaled: ((f - mean) / spread) w + b.
function unscaled(w, b, mean, spread, classes) {
  const scaled = w.map((value) => value / spread), shifted = b.slice();
  for (let k = 0; k < scaled.length; k++) shifted[k % classes] -= mean[Math.floor(k / classes)] * scaled[k];
  return { w: scaled, b: shifted };
}

// The logits of a row { trunk, features } by what was learned.
export function logitsOf(network, { w, b, hidden }, { trunk, features }) {
  const x = hidden ? run(withHidden(network, hidden).slice(network.cut), trunk) : features;
  return forward([{ type: "Dense", inputs: x.length, units: b.length }], [{ w, b }], x).logits;
}

// The layers of the features, with the dense layer before the last as it was learned, where it was.
export const withHidden = ({ layers, cut }, hidden) =>
  hidden ? layers.map((layer, i) => (i === cut ? { ...layer, ...hidden } : layer)) : layers;

// The last two layers, from where the last one alone has led.
export function* lastTwo(network, groups, labels, classes, part = 1, { steps, rate, l2 } = DEEP) {
  const last = yield* lastLayer(groups, labels, classes, STEPS * part);
  const [dense, ...between] = network.layers.slice(network.cut), inputs = dense.input_shape[0], units = dense.b.length;
  const layers = [{ type: "Dense", inputs, units }, ...between, { type: "Dense", inputs: units, units: classes }];
  const w = Float32Array.from({ length: inputs * units }, (_, k) => {
    const unit = k % units, input = Math.floor(k / units);
    return dense.w[unit * inputs + input] * (dense.scale ? dense.scale[unit] : 1);
  });
  const params = [{ w, b: dense.b.slice() }, ...between.map(() => ({})), { w: last.w, b: last.b }];
  const start = params.map((p) => ({ w: p.w?.slice() }));
  const x = concatenated(groups.flat().map(({ trunk }) => trunk)), of = repeated(groups, labels);
  yield* descend(layers, params, x, of, { steps: steps * part, rate, l2, start });
  const turned = Float32Array.from({ length: w.length }, (_, k) => w[(k % inputs) * units + Math.floor(k / inputs)]);
  return { ...params.at(-1), hidden: { w: turned, b: params[0].b, scale: null } };
}

const repeated = (groups, labels) => groups.flatMap((group, i) => group.map(() => labels[i]));

// What is learned from groups of rows { trunk, features }: the last layer or, where it is deep, the last two.
export function* learned(network, groups, labels, classes, deep, part = 1) {
  if (deep && network.cut < network.layers.length) return yield* lastTwo(network, groups, labels, classes, part);
  return yield* lastLayer(groups, labels, classes, STEPS * part);
}

// Each drawing as judged by a last layer that was learned without it: [{ index, label, logits }]. Many drawings are left
// out together, in FOLDS parts; logits are null for the only drawing of a class.
export function* judge(network, groups, labels, classes, deep) {
  const counts = labels.reduce((all, label) => all.set(label, (all.get(label) ?? 0) + 1), new Map());
  const order = labels.map((_, i) => i).sort((a, b) => labels[a] - labels[b]); // a part has some of each class
  const most = deep ? LEAST_FOLDS : Math.max(LEAST_FOLDS, Math.min(FOLDS, Math.floor(MOST_ROWS / labels.length)));
  const parts = Math.min(most, labels.length), judged = [];
  for (let part = 0; part < parts; part++) {
    const out = new Set(order.filter((_, rank) => rank % parts === part));
    const others = labels.map((_, i) => i).filter((i) => !out.has(i));
    const chosen = [groups, labels].map((all) => others.map((i) => all[i]));
    const head = yield* learned(network, ...chosen, classes, deep, 1 / 2);
    for (const index of out) {
      const alone = counts.get(labels[index]) < 2;
      judged.push({ index, label: labels[index], logits: alone ? null : [...logitsOf(network, head, groups[index][0])] });
      yield;
    }
  }
  return judged;
}

const KEPT = 0.95; // fraction of the judged drawings that are not called unknown
const LEAST_JUDGED = 8; // drawings from which on there is a threshold
const MOST_CALIBRATED = 2000; // judged drawings that are looked at, at most: of more, every second, third, ...

// { temperature, abstain_below }: the temperature by which the judged drawings are most likely, and the energy score that
// all but a few of them reach.
export function calibrate(judged) {
  const all = judged.filter(({ logits }) => logits), each = Math.ceil(all.length / MOST_CALIBRATED);
  if (all.length < LEAST_JUDGED) return { temperature: 1, abstain_below: null };
  const known = all.filter((_, i) => i % each === 0);
  const loss = (temperature) =>
    known.reduce((sum, { logits, label }) => {
      const scores = logits.map((logit) => logit / temperature), top = Math.max(...scores);
      return sum + top + Math.log(scores.reduce((all, score) => all + Math.exp(score - top), 0)) - scores[label];
    }, 0);
  const tried = Array.from({ length: 33 }, (_, i) => 2 ** ((i - 16) / 4)), losses = tried.map(loss);
  const temperature = tried[losses.indexOf(Math.min(...losses))];
  const energies = known.map(({ logits }) => energy(logits)).sort((a, b) => a - b);
  return { temperature, abstain_below: energies[Math.floor((1 - KEPT) * energies.length)] };
}
