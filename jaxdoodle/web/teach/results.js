// How well it does: each drawing judged by what was learned without it, and which classes are taken for which.
import { make } from "./gallery.js";

const MANY = 100; // drawings from which on their progress is shown
const MOST_IN_TABLE = 40; // classes; of more, the pairs that are confused most often are listed
const MOST_PAIRS = 40; // of these
const element = (id) => document.getElementById(id);

export class Results {
  #judged = [];
  #given = null; // what it was taken from

  constructor(page) {
    this.page = page;
    this.#say("Draw two of each of two classes or more.");
  }

  // In tenths: each change is read out.
  progress({ done, of }) {
    if (of >= MANY) this.#say(`Looking at ${of} drawings: ${10 * Math.floor((10 * done) / of)} %.`);
  }

  // `old` while the drawings are judged anew: what is shown below the score stays until they are.
  show(judged, old) {
    const { samples } = this.page.project, anew = judged !== this.#given;
    this.#given = judged;
    this.#judged = judged.filter(({ id, said }) => said && samples.has(id));
    const right = this.#judged.filter(({ said, label }) => said === label).length, total = this.#judged.length;
    element("confusion").hidden = !total;
    if (anew) element("confusion").replaceChildren(this.#confusion());
    if (!total) return this.#say(old ? "Learning." : "Draw two of each of two classes or more.");
    const share = `${right} of ${total} drawings right (${((100 * right) / total).toFixed(0)} %)`;
    this.#say(`${share}, each judged by what was learned from the others.${old ? " Judging again." : ""}`);
  }

  // The counts as a model file has them.
  provenance() {
    const correct = this.#judged.filter(({ said, label }) => said === label).length;
    return this.#judged.length ? { scores: { left_out: { correct, total: this.#judged.length } } } : {};
  }

  #say(text) {
    if (element("score").textContent !== text) element("score").textContent = text;
  }

  #confusion() {
    const { active } = this.page.project, cells = new Map(); // class id -> what it was taken for -> sample ids
    for (const { id, label, said } of this.#judged) {
      if (!cells.has(label)) cells.set(label, new Map());
      const row = cells.get(label);
      if (!row.has(said)) row.set(said, []);
      row.get(said).push(id);
    }
    const inner = active.length > MOST_IN_TABLE ? this.#list(active, cells) : this.#table(active, cells);
    return make("div", { class: "scroll", tabIndex: 0, role: "region", "aria-label": "Which classes are taken for which" }, inner);
  }

  // Where a table would be too large: the pairs that are confused most often.
  #list(classes, cells) {
    const byId = new Map(classes.map((one) => [one.id, one])), pairs = [];
    for (const [label, row] of cells)
      for (const [said, ids] of row)
        if (said !== label && byId.has(label) && byId.has(said)) pairs.push([byId.get(label), byId.get(said), ids]);
    pairs.sort((a, b) => b[2].length - a[2].length);
    const items = pairs.slice(0, MOST_PAIRS).map(([drawn, said, ids]) =>
      make("li", { class: "line" }, this.#button(drawn, said, ids), make("span", { textContent: `${drawn.name} taken for ${said.name}` })));
    return items.length ? make("ul", {}, ...items) : make("p", { textContent: "No class is taken for another." });
  }

  #table(classes, cells) {
    const head = make("tr", {}, make("th", { scope: "col", textContent: "drawn" }),
      ...classes.map(({ name }) => make("th", { scope: "col", textContent: name, title: name })));
    const rows = classes.map((drawn) => make("tr", {}, make("th", { scope: "row", textContent: drawn.name, title: drawn.name }),
      ...classes.map((said) => this.#cell(drawn, said, cells.get(drawn.id)?.get(said.id) ?? []))));
    const caption = make("caption", { textContent: "Rows: what was drawn. Columns: what it was taken for." });
    return make("table", {}, caption, make("thead", {}, head), make("tbody", {}, ...rows));
  }

  #cell(drawn, said, ids) {
    if (drawn === said || !ids.length)
      return make("td", { class: drawn === said ? "right" : "", textContent: ids.length || "" });
    return make("td", {}, this.#button(drawn, said, ids));
  }

  // Opens the drawings of a class that were taken for another; those that are gone by then are left out.
  #button(drawn, said, ids) {
    const label = `${ids.length} ${drawn.name} taken for ${said.name}: look`;
    const button = make("button", { type: "button", textContent: ids.length, "aria-label": label });
    const { project, gallery } = this.page;
    button.addEventListener("click", () => gallery.look(ids.map((id) => project.samples.get(id)).filter(Boolean)));
    return button;
  }
}
