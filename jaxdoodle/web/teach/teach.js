// The page that learns: what is drawn, kept, learned and answered. In a Worker the same script is the learner.
import { decoded } from "../network.js";
import "../pad.js";
import { Gallery } from "./gallery.js";
import { fromLines, MOST_FILE, toLines } from "./ndjson.js";
import { MOST_CLASSES, MOST_SAMPLES, Project } from "./project.js";
import { Results } from "./results.js";
import { description, download, npzOf, pageOf } from "./save.js";
import { Store, TakenError } from "./store.js";
import { serve, startLearner } from "./worker.js";

const ENOUGH = 3; // drawings of a class before it asks for the next class
const CHOICES = { mirror: true, deep: false }; // boxes to check, and how they stand at first
const EVERY = 100; // milliseconds from guess to guess at least: drawing has the processor
const STEPS = "Name what it should tell apart. Draw three of each. It guesses as you draw, and learns from each drawing.";
const element = (id) => document.getElementById(id);
const write = (node, text) => node.textContent === text || (node.textContent = text); // what is new costs a layout
const json = (id) => JSON.parse(element(id).textContent);

class Page {
  project = new Project();
  learner = null;
  head = null; // the last layer, as the learner posts it
  answer = null; // the guess for the strokes on the pad
  chosen = null; // the id of the class that Enter keeps the drawing as; null for the guess
  store = null;
  #taken = false; // whether there is no store because another tab has it
  #waiting = false; // for a guess
  #stale = false; // whether the strokes have changed since it was asked for
  #number = 0;
  #cleared = 0; // the number of the last guess for a drawing that is gone
  #asked = -EVERY; // when a guess was asked for last
  #due = false; // whether it will be shown anew
  #judged = [];
  #told = 0; // changes that the learner has been told of
  #known = -1; // of these, those that it has learned and judged

  async start() {
    const features = json("features");
    this.pad = element("pad");
    this.network = decoded(features);
    this.gallery = new Gallery(this);
    this.results = new Results(this);
    this.#listen();
    this.show();
    this.project.addEventListener("change", ({ change }) => this.#changed(change));
    this.project.addEventListener("undoable", () => this.gallery.offerUndo());
    this.learner = await startLearner(element("script").textContent, features, (message) => this.#hear(message));
    await this.#open(json("begin"));
    for (const part of document.querySelectorAll("[inert]")) part.inert = false; // until then it would be lost
    this.#introduce();
    this.show();
    if (!this.project.active.length) element("name").focus();
  }

  // The name of a class, removed or not; "" where there is none.
  name(id) {
    return this.project.classes.find((one) => one.id === id)?.name ?? "";
  }

  #isActive(id) {
    return this.project.active.some((one) => one.id === id);
  }

  get choices() {
    return Object.fromEntries(Object.keys(CHOICES).map((id) => [id, element(id).checked]));
  }

  get drawer() {
    return element("drawer").value.trim();
  }

  // Keeping.

  async #open({ classes, samples, id }) {
    let kept = { classes: [], samples: [], drawer: "", choices: {}, begun: null };
    const faults = [];
    try {
      this.store = await Store.open(location.pathname);
      kept = await this.store.load();
      navigator.storage?.persist?.();
    } catch (error) {
      this.store = null;
      this.#taken = error instanceof TakenError;
    }
    element("drawer").value = kept.drawer;
    for (const [id, checked] of Object.entries({ ...CHOICES, ...kept.choices })) element(id).checked = checked;
    this.#tell(this.choices);
    if (kept.classes.length || kept.samples.length) this.project.restore(kept);
    if (kept.begun !== id) {
      try {
        for (const name of classes) this.project.addClass(name);
      } catch (error) {
        faults.push(`Not all classes added: ${error.message}.`);
      }
      const { said, missed } = this.#bring(samples);
      if (missed) faults.push(said);
      await this.store?.begin(id).catch(() => (this.store = null));
    }
    this.project.forget();
    this.gallery.say(faults.join(" "));
    this.#sayKept();
  }

  #sayKept() {
    let text = "This browser keeps nothing for this page: export your drawings before you close it.";
    if (this.store) text = "Your drawings are kept in this browser, also when you close the page.";
    else if (this.#taken) text = "Another tab has this page open and keeps its drawings. Go there; nothing is kept of this one.";
    element("kept").textContent = text;
  }

  #changed(change) {
    if (!change.all) this.#store(change);
    this.#tell({
      classes: this.project.active.map(({ id }) => id),
      add: change.add?.map(({ id, label, drawing }) => ({ id, label, drawing })),
      move: change.move?.map(({ id, label }) => ({ id, label })),
      remove: change.remove?.map(({ id }) => id),
    });
    if (!this.#isActive(this.chosen)) this.chosen = null;
    if (this.answer?.best && !this.#isActive(this.answer.best)) this.answer = null;
    this.show();
    this.ask();
  }

  #store(change) {
    this.store?.keep(change, this.project, this.drawer, this.choices).catch(() => {
      this.store = null;
      this.#sayKept();
    });
  }

  #tell(change) {
    this.#told++;
    this.learner?.receive({ kind: "change", ...change });
    this.results.show(this.#judged, true);
  }

  // Whether all there is has been learned and judged.
  get settled() {
    return this.#known === this.#told;
  }

  // Adds the drawings of lines of JSON and their classes; says what came in.
  read(text) {
    return this.#bring(text).said;
  }

  // What came in, in words, and how much of the text did not.
  #bring(text) {
    const { samples, skipped, first } = fromLines(text), { added, classes, known, left } = this.project.bring(samples);
    const parts = [`${many(added, "drawing", "drawings")} of ${many(classes, "class", "classes")} added`];
    if (known) parts.push(`${known} ${known === 1 ? "was" : "were"} there`);
    if (left) parts.push(`${left} left out: a page has at most ${MOST_CLASSES} classes and ${MOST_SAMPLES} drawings`);
    if (skipped) parts.push(`${many(skipped, "line", "lines")} skipped, the first at ${first}`);
    return { said: `${parts.join("; ")}.`, missed: left + skipped };
  }

  // Keeps the drawing on the pad as a class.
  keep(id) {
    const { strokes } = this.pad;
    if (!strokes.length || !this.#isActive(id)) return;
    const said = this.answer?.probabilities && !this.answer.abstained ? this.answer.best : null;
    const drawing = strokes.map(([xs, ys, times]) => [xs.map(tenth), ys.map(tenth), [...times]]);
    try {
      this.project.add([{ label: id, drawer: this.drawer, time: Date.now(), drawing }]);
    } catch (error) {
      return this.gallery.say(`Not kept: ${error.message}.`);
    }
    const count = this.project.count(id), name = this.name(id);
    const wrong = said && said !== id ? `, not ${this.name(said)}` : "";
    this.gallery.say(`Kept as ${name}${wrong}: ${many(count, "drawing", "drawings")}.`, true);
    if (this.chosen === id && count >= ENOUGH) this.chosen = this.#needy()?.id ?? null;
    this.show();
    this.pad.clear();
    this.pad.focus();
  }

  // The first class that has fewer drawings than it takes to begin.
  #needy() {
    return this.project.active.find(({ id }) => this.project.count(id) < ENOUGH);
  }

  choose(id) {
    this.chosen = id;
    this.show();
    this.pad.focus();
  }

  // Guessing.

  ask() {
    this.#stale = true;
    if (this.#waiting || !this.learner) return;
    this.#waiting = true;
    setTimeout(() => {
      this.#stale = false;
      this.#asked = performance.now();
      if (!this.pad.strokes.length) {
        this.#waiting = false;
        return;
      }
      this.learner.receive({ kind: "guess", drawing: this.pad.strokes, number: ++this.#number });
    }, this.#asked + EVERY - performance.now());
  }

  #clear() {
    this.answer = null;
    this.#cleared = this.#number;
  }

  #hear(message) {
    if (message.kind === "guess") {
      this.#waiting = false;
      const { probabilities, classes } = message;
      const best = probabilities && classes[probabilities.indexOf(Math.max(...probabilities))];
      const gone = best && !this.#isActive(best); // removed since it was learned
      if (message.number > this.#cleared) this.answer = gone ? null : { ...message, best };
      this.showAnswer();
      if (this.#stale) this.ask();
    } else if (message.kind === "progress") this.results.progress(message);
    else {
      this.head = message.head;
      if (message.judged) {
        this.#judged = message.judged;
        this.#known = message.version;
      }
      this.results.show(this.#judged, !this.settled);
      this.gallery.mark(this.#judged);
      this.#allow();
      this.ask();
    }
  }

  // The screen.

  // Once for all changes of one action.
  show() {
    if (this.#due) return;
    this.#due = true;
    queueMicrotask(() => {
      this.#due = false;
      this.chosen ??= this.#needy()?.id ?? null;
      this.gallery.show();
      this.showAnswer();
      this.#allow();
    });
  }

  showAnswer() {
    const { answer, project } = this, drawn = this.pad.strokes.length > 0;
    element("undo").disabled = element("clear").disabled = !drawn;
    element("hint").hidden = drawn;
    this.#task();
    const known = answer?.probabilities, share = (id) => known?.[answer.classes.indexOf(id)] ?? 0;
    let text = "";
    if (answer?.reason) text = `${answer.reason[0].toUpperCase()}${answer.reason.slice(1)}.`;
    else if (answer?.abstained) text = `Unknown; most like ${this.name(answer.best)}`;
    else if (known) text = certain(this.name(answer.best), share(answer.best));
    write(element("guess"), text);
    const kept = this.chosen ?? (known && !answer.abstained ? answer.best : null), confirmed = this.chosen === null;
    element("keep").disabled = !drawn || kept === null;
    write(element("keep"), kept === null ? "Keep" : `${confirmed ? "Yes," : "Keep as"} ${this.name(kept)}`);
    element("other").hidden = !drawn || !known || !confirmed;
    element("guess").classList.toggle("unsure", !known || answer.abstained);
    for (const row of element("answers").children) {
      const id = Number(row.dataset.id), button = row.firstChild, part = share(id);
      button.disabled = !drawn;
      button.classList.toggle("best", Boolean(known) && id === answer.best);
      button.classList.toggle("chosen", id === this.chosen);
      button.querySelector(".share").style.transform = `scaleX(${part.toFixed(3)})`;
      write(button.querySelector(".percent"), known ? `${(100 * part).toFixed(0)} %` : "");
    }
  }

  #task() {
    const { active } = this.project, task = element("task"), parts = [];
    const bold = (text) => Object.assign(document.createElement("b"), { textContent: text });
    if (!active.length) parts.push("Begin with the names of two things or more.");
    else if (this.chosen !== null) {
      const count = this.project.count(this.chosen);
      parts.push("Draw ", bold(this.name(this.chosen)));
      if (count < ENOUGH) parts.push(`: ${count + 1} of ${ENOUGH} to begin with`);
    } else if (active.length < 2) parts.push("Name a second class.");
    else parts.push("Draw: it guesses. Correct it: it learns.");
    const text = parts.map((part) => part.textContent ?? part).join("");
    if (task.textContent !== text) task.replaceChildren(...parts);
    write(element("hint"), active.length ? "Draw here" : STEPS);
    document.body.classList.toggle("blank", !active.length);
  }

  #allow() {
    const learned = Boolean(this.head) && this.head.classes.every((id) => this.name(id));
    element("save-page").disabled = element("save-model").disabled = !learned;
    element("export").disabled = !this.project.samples.size;
  }

  #introduce() {
    const { parameters } = this.network, where = this.learner.inWorker ? "while you draw" : "between two frames";
    element("about").textContent =
      `It learns in this page, ${where}, from what a network of ${parameters.toLocaleString("en")} parameters sees in ` +
      "your strokes; nothing you draw leaves it.";
  }

  #saved() {
    const { head, project, network } = this, names = head.classes.map((id) => this.name(id));
    const first = head.classes.map((id) => project.of(id)[0]).filter(Boolean);
    const drawings = first.length ? first.map(({ drawing }) => drawing) : [...project.samples.values()].map(({ drawing }) => drawing);
    const provenance = {
      dataset: "drawings taught in a page",
      drawings: names.map((name, i) => project.count(head.classes[i])),
      drawers: this.gallery.drawers(),
      ...this.results.provenance(),
    };
    return [network, head, names, drawings, provenance];
  }

  #listen() {
    const { pad } = this, on = (id, run) => element(id).addEventListener("click", run);
    pad.addEventListener("change", () => {
      if (element("undo").disabled === pad.strokes.length > 0) {
        if (pad.strokes.length) this.gallery.say(""); // it may lie on what is pressed next
        else this.#clear();
        this.showAnswer();
      }
      this.ask();
    });
    on("undo", () => pad.undo());
    on("clear", () => pad.clear());
    on("keep", () => this.keep(this.chosen ?? this.answer?.best));
    pad.addEventListener("keydown", (event) => {
      const { active } = this.project, digit = Number(event.key);
      if (event.key === "Enter") element("keep").click(); // which does nothing where it is disabled
      else if (digit >= 1 && digit <= active.length) this.keep(active[digit - 1].id);
      else return;
      event.preventDefault();
    });
    on("save-page", () => download("recognizes.html", pageOf(json("page"), description(...this.#saved())), "text/html"));
    on("save-model", () => download("model.npz", npzOf(...this.#saved()), "application/zip"));
    on("export", () => download("drawings.ndjson", toLines(this.gallery.exported()), "application/x-ndjson"));
    on("import", () => element("file").click());
    element("file").addEventListener("change", async ({ target }) => {
      for (const file of target.files) {
        const { size } = this.project.samples;
        const said = file.size > MOST_FILE ? `a file has at most ${MOST_FILE} bytes.` : this.read(await file.text());
        this.gallery.say(`${file.name}: ${said}`, this.project.samples.size > size);
      }
      target.value = "";
    });
    for (const id of Object.keys(CHOICES))
      element(id).addEventListener("change", ({ target }) => {
        this.#tell({ [id]: target.checked });
        this.#store({});
      });
    element("drawer").addEventListener("change", () => this.#store({}));
  }
}

const tenth = (value) => Math.round(10 * value) / 10;
const many = (count, one, several) => `${count} ${count === 1 ? one : several}`;
const certain = (name, share) => (share >= 0.9 ? name : share >= 0.6 ? `Probably ${name}` : `Perhaps ${name}`);

export const page = globalThis.document ? new Page() : null;
if (page) page.start();
else serve();
