// The classes with their drawings, and the drawing that is looked at. Names and drawers are text, never markup.

const SHOWN = 12; // drawings of a class that are shown at first
const MORE = 60; // and how many more each time
const FITTING = 6; // answers that are seen without scrolling
const SECONDS = 6; // that a message stays

const element = (id) => document.getElementById(id);

// An element with properties and children; "class", "data-..." and "aria-..." are attributes.
export function make(tag, properties = {}, ...children) {
  const made = document.createElement(tag);
  for (const [name, value] of Object.entries(properties)) {
    if (name === "class" || name.includes("-")) made.setAttribute(name, value);
    else made[name] = value;
  }
  made.append(...children);
  return made;
}

// A drawing of any size as a square picture, in the color of the text around it.
function pictureOf(drawing) {
  const all = [0, 1].map((axis) => drawing.flatMap((stroke) => stroke[axis]));
  const low = all.map((values) => least(values)), high = all.map((values) => -least(values.map((value) => -value)));
  const side = Math.max(high[0] - low[0], high[1] - low[1]) || 1;
  const put = (value, axis) => (50 + (84 * (value - (low[axis] + high[axis]) / 2)) / side).toFixed(1);
  const lines = drawing.map(([xs, ys]) => `M${xs.map((x, i) => `${put(x, 0)} ${put(ys[i], 1)}`).join("L")}h0`);
  const [picture, path] = ["svg", "path"].map((tag) => document.createElementNS("http://www.w3.org/2000/svg", tag));
  picture.setAttribute("viewBox", "0 0 100 100");
  picture.setAttribute("aria-hidden", "true");
  path.setAttribute("d", lines.join(""));
  picture.append(path);
  return picture;
}

const least = (values) => values.reduce((low, value) => Math.min(low, value), Infinity);

export class Gallery {
  #shown = new Map(); // class id -> how many of its drawings are shown
  #judged = new Map(); // sample id -> what it was taken for
  #thumbs = new Map(); // sample id -> its small drawing
  #open = { samples: [], at: 0 };
  #timer = 0;

  constructor(page) {
    this.page = page;
    const { project } = page, dialog = element("sample");
    element("new").addEventListener("submit", (event) => {
      event.preventDefault();
      this.#add(element("name").value);
    });
    element("toast").querySelector("button").addEventListener("click", () => this.undo());
    document.addEventListener("keydown", (event) => {
      if (!(event.ctrlKey || event.metaKey) || event.shiftKey || event.key !== "z" || dialog.open || event.target.matches("input, select")) return;
      event.preventDefault();
      page.pad.strokes.length ? page.pad.undo() : this.undo();
    });
    element("delete").addEventListener("click", () => {
      project.remove(this.#open.samples[this.#open.at]);
      dialog.close();
    });
    element("following").addEventListener("click", () => this.look(this.#open.samples, this.#open.at + 1));
    element("close").addEventListener("click", () => dialog.close());
    element("move").addEventListener("change", ({ target }) => {
      project.move(this.#open.samples[this.#open.at], Number(target.value));
      dialog.close();
    });
  }

  // One class or several, with commas between.
  #add(text) {
    try {
      for (const name of text.split(",").filter((part) => part.trim())) this.page.project.addClass(name);
    } catch (error) {
      return this.say(`Not added: ${error.message}.`);
    }
    element("name").value = "";
  }

  // A message for a few seconds, or until the next drawing begins, with a button that takes the last change back.
  say(text, undoable = false) {
    const toast = element("toast");
    toast.classList.toggle("shown", Boolean(text)); // it is there without a message, too: what is new in it is read out
    toast.querySelector("p").textContent = text;
    toast.querySelector("button").hidden = !undoable;
    clearTimeout(this.#timer);
    if (text) this.#timer = setTimeout(() => this.say(""), 1000 * SECONDS);
  }

  undo() {
    const { last } = this.page.project;
    if (!last) return;
    this.page.project.undo();
    this.say(`Taken back: ${last}.`);
  }

  offerUndo() {
    const { last } = this.page.project;
    this.say(`${last[0].toUpperCase()}${last.slice(1)}.`, true);
  }

  drawers() {
    return [...new Set([...this.page.project.samples.values()].map(({ drawer }) => drawer).filter(Boolean))].sort();
  }

  // The samples as they are exported: with their class as a word.
  exported() {
    return [...this.page.project.samples.values()].map((sample) => ({ ...sample, word: this.page.name(sample.label) }));
  }

  mark(judged) {
    this.#judged = new Map(judged.filter(({ said, label }) => said && said !== label).map(({ id, said }) => [id, said]));
    for (const button of element("classes").querySelectorAll("[data-sample]"))
      button.classList.toggle("wrong", this.#judged.has(Number(button.dataset.sample)));
  }

  show() {
    const { project } = this.page, samples = new Map(project.classes.map(({ id }) => [id, []]));
    for (const sample of project.samples.values()) samples.get(sample.label)?.push(sample);
    const answers = element("answers");
    answers.replaceChildren(...project.active.map((one, rank) => this.#row(one, rank)));
    if (project.active.length > FITTING) answers.tabIndex = 0; // its buttons are disabled where nothing is drawn
    else answers.removeAttribute("tabindex");
    const { focus, sample } = document.activeElement?.dataset ?? {};
    element("classes").replaceChildren(...project.active.map((one) => this.#card(one, samples.get(one.id))));
    const focused = focus ? `[data-focus="${CSS.escape(focus)}"]` : sample && `[data-sample="${sample}"]`;
    if (focused) (document.querySelector(focused) ?? this.page.pad).focus({ preventScroll: true });
    const removed = project.classes.filter(({ active }) => !active);
    element("removed").hidden = !removed.length;
    element("removed").querySelector("summary").textContent = `Removed (${removed.length})`;
    element("removed").querySelector("ul").replaceChildren(...removed.map((one) => this.#removed(one, samples.get(one.id))));
    element("drawers").replaceChildren(...this.drawers().map((value) => make("option", { value })));
  }

  #row(one, rank) {
    const bar = make("span", { class: "track", "aria-hidden": "true" }, make("span", { class: "share" }));
    const button = make("button", { type: "button", title: one.name, "aria-keyshortcuts": rank < 9 ? String(rank + 1) : "" },
      make("span", { class: "name", textContent: one.name }), bar, make("span", { class: "percent" }));
    button.addEventListener("click", () => this.page.keep(one.id));
    return make("li", { "data-id": one.id }, button);
  }

  #card(one, samples) {
    const { project, chosen } = this.page, count = samples.length;
    const name = make("input", { value: one.name, maxLength: 255, "aria-label": `Name of the class ${one.name}`, "data-focus": `name ${one.id}` });
    name.addEventListener("change", () => {
      try {
        project.rename(one, name.value);
      } catch (error) {
        name.value = one.name;
        this.say(`Not renamed: ${error.message}.`);
      }
    });
    const button = (text, focus, run) => {
      const made = make("button", { type: "button", textContent: text, "aria-label": `${text} ${one.name}`, "data-focus": `${focus} ${one.id}` });
      made.addEventListener("click", run);
      return made;
    };
    const line = make("div", { class: "line" }, name, make("span", { class: "count", textContent: count }),
      button("Draw", "draw", () => this.page.choose(one.id)), button("Remove", "remove", () => project.removeClass(one)));
    const shown = this.#shown.get(one.id) ?? SHOWN, latest = samples.slice(-shown).reverse();
    const thumbs = make("ul", { class: "thumbs" }, ...latest.map((sample, i) => this.#thumb(sample, `Drawing ${count - i} of ${one.name}`)));
    if (count > shown) {
      const more = make("button", { type: "button", class: "more", textContent: `${count - shown} more`, "data-focus": `more ${one.id}` });
      more.addEventListener("click", () => {
        this.#shown.set(one.id, shown + MORE);
        this.show();
      });
      thumbs.append(make("li", {}, more));
    }
    return make("li", { class: `card${one.id === chosen ? " chosen" : ""}` }, line, count ? thumbs : "");
  }

  // Each is made once.
  #thumb(sample, title) {
    const wrong = this.#judged.has(sample.id), { id, drawer } = sample;
    let item = this.#thumbs.get(id);
    if (!item) {
      const button = make("button", { type: "button", "data-sample": id }, pictureOf(sample.drawing));
      button.addEventListener("click", () => this.look([sample]));
      item = make("li", {}, button);
      this.#thumbs.set(id, item);
    }
    item.firstChild.setAttribute("aria-label", `${title}${drawer && `, by ${drawer}`}${wrong ? ", misjudged" : ""}`);
    item.firstChild.classList.toggle("wrong", wrong);
    return item;
  }

  #removed(one, samples) {
    const back = make("button", { type: "button", textContent: "Put back", "aria-label": `Put back ${one.name}` });
    back.addEventListener("click", () => this.page.project.addClass(one.name));
    return make("li", { class: "line" }, make("span", { textContent: `${one.name} (${samples.length})` }), back);
  }

  // Opens a drawing in the dialog; "Next" goes through the others.
  look(samples, at = 0) {
    if (!samples.length) return;
    const dialog = element("sample"), sample = samples[at % samples.length], { project } = this.page;
    this.#open = { samples, at: at % samples.length };
    const said = this.#judged.get(sample.id), by = sample.drawer ? `By ${sample.drawer}, ` : "";
    element("sample-title").textContent = this.page.name(sample.label);
    const note = `${by}${new Date(sample.time).toLocaleString("en", { dateStyle: "medium", timeStyle: "short" })}.`;
    dialog.querySelector(".note").textContent = said ? `${note} Without it, it would be taken for ${this.page.name(said)}.` : note;
    const option = ({ id, name }) => make("option", { value: id, textContent: name, selected: id === sample.label });
    element("move").replaceChildren(...project.active.map(option));
    element("following").hidden = samples.length < 2;
    dialog.querySelector(".picture").replaceChildren(pictureOf(sample.drawing));
    if (!dialog.open) dialog.showModal();
  }
}
