// What has been taught: classes and samples, and how each change is taken back. There is no screen here.
import { fault, rejection } from "../strokes.js";

export const MOST_NAME = 255; // characters of a name
export const MOST_CLASSES = 500;
export const MOST_SAMPLES = 20_000; // what a phone keeps, and learns in minutes
const IN_NO_NAME = /[\p{Cc}\p{Cs}\p{Zl}\p{Zp}\u202a-\u202e\u2066-\u2069]/u;

// What is wrong with the name of a class or of a drawer, in the words of the library; null where nothing is.
export function nameFault(name) {
  if (!name.trim() || !/[^\p{Cf}\s]/u.test(name)) return "a name is not blank";
  if (name.length > MOST_NAME) return `a name has at most ${MOST_NAME} characters; this one has ${name.length}`;
  return IN_NO_NAME.test(name) ? "a name has no control characters" : null;
}

export class Project extends EventTarget {
  classes = []; // { id, name, active }: one that is not was removed, its samples wait for it
  samples = new Map(); // id -> { id, label, drawer, time, drawing }; label is the id of a class
  #undone = []; // what takes back the last changes, the last one at the end
  #next = 1;
  #counts = null; // class id -> how many samples; null where it has to be counted anew

  get active() {
    return this.classes.filter(({ active }) => active);
  }

  named(name) {
    return this.classes.find((one) => one.name === name);
  }

  // How many samples a class has.
  count(label) {
    if (!this.#counts) {
      this.#counts = new Map();
      for (const sample of this.samples.values())
        this.#counts.set(sample.label, (this.#counts.get(sample.label) ?? 0) + 1);
    }
    return this.#counts.get(label) ?? 0;
  }

  of(label) {
    return [...this.samples.values()].filter((sample) => sample.label === label);
  }

  // Puts what was stored in place of all there is.
  restore({ classes, samples }) {
    this.classes = classes;
    this.samples = new Map(samples.map((sample) => [sample.id, sample]));
    for (const { id } of [...classes, ...samples]) this.#next = Math.max(this.#next, id + 1);
    this.#undone = [];
    this.#tell({ classes: true, add: samples, all: true });
  }

  // A class of this name: a new one, or the one there is, which is put back if it was removed. Throws at a bad name.
  addClass(name) {
    const wrong = nameFault(name = name.trim());
    if (wrong) throw new RangeError(wrong);
    const known = this.named(name);
    if (known?.active) return known;
    if (known) {
      this.#activate(known, true);
      return known;
    }
    if (this.classes.length >= MOST_CLASSES) throw new RangeError(`there are at most ${MOST_CLASSES} classes`);
    const added = { id: this.#next++, name, active: true };
    this.classes.push(added);
    this.#tell({ classes: true });
    this.#remember(`added ${name}`, () => {
      if (this.count(added.id)) added.active = false;
      else this.classes = this.classes.filter((one) => one !== added);
      this.#tell({ classes: true });
    });
    return added;
  }

  rename(one, name) {
    const wrong = nameFault(name = name.trim());
    if (wrong) throw new RangeError(wrong);
    if (name === one.name) return;
    if (this.named(name)) throw new RangeError(`there is a class ${name}`);
    const before = one.name;
    one.name = name;
    this.#tell({ classes: true });
    this.#remember(`renamed ${before}`, () => {
      one.name = before;
      this.#tell({ classes: true });
    });
  }

  removeClass(one) {
    this.#activate(one, false);
  }

  #activate(one, active) {
    one.active = active;
    this.#tell({ classes: true });
    this.#remember(`${active ? "put back" : "removed"} ${one.name}`, () => {
      one.active = !active;
      this.#tell({ classes: true });
    });
  }

  // Samples { label, drawer, time, drawing }. A drawing that shows nothing throws, and one for which there is no room.
  add(samples) {
    for (const { drawing } of samples) {
      const wrong = fault(drawing) ?? rejection(drawing);
      if (wrong) throw new RangeError(wrong);
    }
    if (this.samples.size + samples.length > MOST_SAMPLES) throw new RangeError(`there are at most ${MOST_SAMPLES} drawings`);
    const added = samples.map((sample) => ({ ...sample, id: this.#next++ }));
    for (const sample of added) this.samples.set(sample.id, sample);
    this.#tell({ add: added });
    this.#remember(added.length === 1 ? "added a drawing" : `added ${added.length} drawings`, () => this.#drop(added));
    return added;
  }

  // Adds samples { word, drawer, time, drawing } that have been checked, and their classes: one change. Those that were
  // there are not added, nor those for which there is no room: { added, classes, known, left } count all.
  bring(samples) {
    const drawn = new Set([...this.samples.values()].map(({ label, drawing }) => JSON.stringify([label, drawing])));
    const before = this.classes.map((one) => ({ one, active: one.active })), added = [], used = new Set();
    const labels = new Map(this.classes.map((one) => [one.name, one])), counts = { known: 0, left: 0 };
    for (const { word, ...sample } of samples) {
      const one = labels.get(word) ?? { id: this.#next++, name: word, active: true };
      const key = JSON.stringify([one.id, sample.drawing]);
      if (drawn.has(key)) counts.known++;
      else if (this.samples.size + added.length >= MOST_SAMPLES || (!labels.has(word) && labels.size >= MOST_CLASSES)) counts.left++;
      else {
        if (!labels.has(word)) this.classes.push(one);
        labels.set(word, one);
        used.add(Object.assign(one, { active: true }));
        drawn.add(key);
        added.push({ ...sample, label: one.id, id: this.#next++ });
      }
    }
    if (added.length) {
      for (const sample of added) this.samples.set(sample.id, sample);
      this.#tell({ classes: true, add: added });
      this.#remember(`added ${added.length === 1 ? "a drawing" : `${added.length} drawings`}`, () => {
        this.classes = before.map(({ one, active }) => Object.assign(one, { active }));
        this.#drop(added);
      });
    }
    return { added: added.length, classes: used.size, ...counts };
  }

  remove(sample) {
    if (!this.samples.has(sample.id)) return;
    this.#drop([sample]);
    this.#remember("deleted a drawing", () => {
      this.samples.set(sample.id, sample);
      this.#tell({ add: [sample] });
    });
  }

  move(sample, label) {
    if (!this.samples.has(sample.id)) return;
    const before = sample.label;
    const put = (to) => {
      sample.label = to;
      this.#tell({ move: [sample] });
    };
    put(label);
    this.#remember("moved a drawing", () => put(before));
  }

  #drop(samples) {
    for (const { id } of samples) this.samples.delete(id);
    this.#tell({ classes: true, remove: samples });
  }

  // What "undo" would take back, in words; null where there is nothing.
  get last() {
    return this.#undone.at(-1)?.what ?? null;
  }

  undo() {
    this.#undone.pop()?.back();
  }

  // From here on there is nothing to take back.
  forget() {
    this.#undone = [];
  }

  #remember(what, back) {
    this.#undone.push({ what, back });
    if (this.#undone.length > 100) this.#undone.shift();
    this.dispatchEvent(new Event("undoable"));
  }

  #tell(change) {
    this.#counts = null;
    this.dispatchEvent(Object.assign(new Event("change"), { change }));
  }
}
