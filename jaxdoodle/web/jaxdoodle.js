// The runtime: a model in JSON, as `jaxdoodle export MODEL --format js` writes it, that answers as Python answers.
//
//   import { load } from "./jaxdoodle.js";
//   const model = await load("./model.json");
//   model.predict([[[0, 40, 90], [10, 80, 10]]]).label;
import { decide, decoded, energy, logits, reproducesExamples } from "./network.js";
import { fault, rejection, render } from "./strokes.js";

// What a model says of one drawing.
export class Prediction {
  constructor(classes, found) {
    Object.assign(this, { classes, probabilities: [], logits: null, bitmap: null, reason: null }, found);
  }

  // Whether the answer is "unknown": this looks like none of the classes.
  get abstained() {
    return this.reason !== null;
  }

  // The most probable class, also where the model abstains; null where nothing is drawn.
  get label() {
    return this.top(1)[0]?.label ?? null;
  }

  // The k most probable classes, best first; equal ones in the model's order.
  top(k) {
    const order = this.probabilities.map((_, i) => i).sort((a, b) => this.probabilities[b] - this.probabilities[a]);
    return order.slice(0, k).map((i) => ({ label: this.classes[i], probability: this.probabilities[i] }));
  }
}

export class Model {
  constructor(description) {
    if (!Array.isArray(description?.layers) || !Array.isArray(description.classes))
      throw new TypeError("expected a model in JSON, as `jaxdoodle export MODEL --format js` writes it");
    this.network = decoded(description);
    if (!reproducesExamples(this.network))
      throw new Error("the model is damaged: it no longer computes the logits that it was written with");
  }

  get classes() {
    return this.network.classes;
  }

  // The bitmap that the network sees of a drawing: Uint8Array (height * width), white ink on black.
  bitmap(drawing) {
    return render(drawing, this.network.contract);
  }

  logits(bitmap) {
    return logits(this.network, bitmap);
  }

  // A drawing is a list of strokes [[x, ...], [y, ...]], y pointing down, in any unit; a third list, the times, is
  // not looked at.
  predict(drawing) {
    const wrong = fault(drawing);
    if (wrong) throw new TypeError(wrong);
    const reason = rejection(drawing);
    if (reason) return new Prediction(this.classes, { reason });
    const bitmap = this.bitmap(drawing), found = this.logits(bitmap);
    const { probabilities, abstained } = decide(this.network, found);
    const below = () => `it scores ${energy(found).toFixed(2)}, below ${this.network.abstain_below.toFixed(2)}`;
    return new Prediction(this.classes, { probabilities, logits: found, bitmap, reason: abstained ? below() : null });
  }

  // The guess after each stroke of a drawing, which may be an async iterable still in the making.
  async *watch(drawing) {
    const strokes = [];
    for await (const stroke of drawing) {
      strokes.push(stroke);
      yield this.predict(strokes);
    }
  }
}

// A model from the address of its JSON file, or from the parsed JSON itself.
export async function load(source) {
  if (typeof source !== "string" && !(source instanceof URL)) return new Model(source);
  const reply = await fetch(source);
  if (!reply.ok) throw new Error(`${source}: ${reply.status} ${reply.statusText}`);
  return new Model(await reply.json());
}
