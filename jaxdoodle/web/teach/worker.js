// The learner at work: in a Worker where the browser allows one, else in slices between frames. It takes messages
// { kind, ... } and posts messages; guesses come before learning.
import { decide, decoded } from "../network.js";
import { rejection } from "../strokes.js";
import { calibrate, copiesFor, featuresOf, judge, learned, logitsOf, rowsOf } from "./learner.js";

const FIRST = 400; // drawings that the first guesses are learned from, where there are more
const SLICE = 8; // milliseconds of learning between two looks at the messages

// The first few samples of each class.
export function someOf(samples, few) {
  const counts = new Map();
  return samples.filter(({ label }) => {
    counts.set(label, (counts.get(label) ?? 0) + 1);
    return counts.get(label) <= Math.max(few, 1);
  });
}

export class Learner {
  #samples = new Map(); // id -> { id, label, drawing, rows }
  #classes = []; // the ids of those that are learned, in their order
  #head = null;
  #asked = null; // the guess that is waited for; a newer one takes its place
  #version = 0; // of the samples and classes
  #awake = null;
  deep = false; // whether the last two layers are learned
  mirror = true; // whether mirror images are of the same class

  constructor(description, post) {
    this.network = decoded(description);
    this.post = post;
    this.#run();
  }

  receive(message) {
    const { kind } = message;
    if (kind === "guess") this.#asked = message;
    else {
      for (const id of message.remove ?? []) this.#samples.delete(id);
      for (const sample of message.add ?? []) this.#samples.set(sample.id, { rows: null, ...sample });
      for (const { id, label } of message.move ?? []) this.#samples.get(id).label = label;
      if (message.classes) this.#classes = message.classes;
      if ("deep" in message) this.deep = message.deep;
      if ("mirror" in message) {
        this.mirror = message.mirror;
        for (const sample of this.#samples.values()) sample.rows = null;
      }
      this.#version++;
    }
    this.#awake?.();
  }

  async #run() {
    for (let done = -1; ; ) {
      if (this.#asked) this.#guess();
      if (done !== this.#version) {
        const version = this.#version;
        if (await this.#finish(this.#learn(), version)) done = version;
      } else if (!this.#asked) await new Promise((wake) => (this.#awake = wake));
    }
  }

  // Runs a generator in slices, with the guesses that are asked for between them; false where it is overtaken.
  async #finish(work, version) {
    for (;;) {
      const until = performance.now() + SLICE;
      while (performance.now() < until) if (work.next().done) return true;
      await new Promise((next) => setTimeout(next));
      if (this.#asked) this.#guess();
      if (version !== this.#version) return false;
    }
  }

  #guess() {
    const { drawing, number } = this.#asked;
    this.#asked = null;
    const reason = rejection(drawing);
    if (reason || !this.#head) return this.post({ kind: "guess", number, reason });
    const logits = logitsOf(this.network, this.#head, featuresOf(this.network, drawing));
    const found = decide({ ...this.#head, ends_in_softmax: false }, logits);
    this.post({ kind: "guess", number, classes: this.#head.classes, ...found });
  }

  *#learn() {
    const version = this.#version, classes = this.#classes, { deep } = this;
    const samples = [...this.#samples.values()].filter(({ label }) => classes.includes(label));
    const copies = copiesFor(samples.length);
    if (new Set(samples.map(({ label }) => label)).size < 2) {
      yield* this.#look(samples, copies);
      this.#head = null;
      return this.post({ kind: "learned", version, head: null, judged: [] });
    }
    if (!this.#head && samples.length > FIRST) yield* this.#fit(someOf(samples, FIRST / classes.length), copies, false);
    const { groups, labels } = yield* this.#fit(samples, copies, deep);
    const judged = yield* judge(this.network, groups, labels, classes.length, deep);
    Object.assign(this.#head, calibrate(judged));
    const verdicts = judged.map(({ index, logits }) => ({
      id: samples[index].id,
      label: samples[index].label,
      said: logits && classes[logits.indexOf(Math.max(...logits))],
    }));
    this.post({ kind: "learned", version, head: this.#head, judged: verdicts });
  }

  // Learns the head from samples and posts it; { groups, labels } of their rows.
  *#fit(samples, copies, deep) {
    const version = this.#version, classes = this.#classes;
    yield* this.#look(samples, copies);
    const labels = samples.map(({ label }) => classes.indexOf(label));
    const groups = samples.map(({ rows }) => rows.slice(0, copies + 1));
    const head = yield* learned(this.network, groups, labels, classes.length, deep);
    this.#head = { ...head, classes, temperature: this.#head?.temperature ?? 1, abstain_below: null };
    this.post({ kind: "learned", version, head: this.#head, judged: null });
    return { groups, labels };
  }

  *#look(samples, copies) {
    for (const [i, sample] of samples.entries()) {
      if (sample.rows && sample.rows.length > copies) continue;
      sample.rows = yield* rowsOf(this.network, sample, copies, this.mirror);
      this.post({ kind: "progress", done: i + 1, of: samples.length });
    }
  }
}

// Answers the messages of the page, in a Worker.
export function serve() {
  let learner = null;
  onmessage = ({ data }) => {
    if (data.kind === "start") learner = new Learner(data.description, (message) => postMessage(message));
    else learner.receive(data);
  };
}

// A learner beside the page: { receive, worker }, in a Worker of `source` or, where there can be none, in slices.
export async function startLearner(source, description, post) {
  try {
    const address = URL.createObjectURL(new Blob([source], { type: "text/javascript" }));
    const worker = new Worker(address);
    await new Promise((started, failed) => {
      worker.onmessage = started;
      worker.onerror = failed;
      setTimeout(failed, 5000);
      worker.postMessage({ kind: "start", description });
    });
    worker.onmessage = ({ data }) => post(data);
    return { receive: (message) => worker.postMessage(message), inWorker: true };
  } catch {
    const learner = new Learner(description, post);
    return { receive: (message) => learner.receive(message), inWorker: false };
  }
}
