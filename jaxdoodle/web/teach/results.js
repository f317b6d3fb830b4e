// How well it does: each drawing judged by what was learned without it, and which classes are taken for which.
import { make } from "./gallery.js";

const MANY = 100; // drawings from which on their progress is shown
const element = (id) => document.getElementById(id);

export class Results {
  #judged = [];

  constructor(page) {
    this.page = page;
    this.#say("Draw two of each of two classes or more.");
  }

  // In tenths: each change is read out.
  progress({ done, of }) {
    if (of >= MANY) this.#say(`Looking at ${of} drawings: ${10 * Math.floor((10 * done) / of)} %.`);
  }

  // `old` while the drawings are judged anew.
  show(judged, old) {
    this.#judged = judged.filter(({ said }) => said);
    const right = this.#judged.filter(({ said, label }) => said === label).length, total = this.#judged.length;
    element("confusion").hidden = !total;
    if (!total) return this.#say(old ? "Learning." : "Draw two of each of two classes or more.");
    const share = `${right} of ${total} drawings right (${((100 * right) / total).toFixed(0)} %)`;
    this.#say(`${share}, each judged by what was learned from the others.${old ? " Judging again." : ""}`);
    element("confusion").replaceChildren(this.#table());
  }

  // The counts as a model file has them.
  provenance() {
    const correct = this.#judged.filter(({ said, label }) => said === label).length;
    return this.#judged.length ? { scores: { left_out: { correct, total: this.#judged.length } } } : {};
  }

  #say(text) {
    if (element("score").textContent !== text) element("score").textContent = text;
  }

  #table() {
    const { project } = this.page, classes = project.active, cells = new Map();
    for (const one of this.#judged) {
      const key = `${one.label} ${one.said}`;
      cells.set(key, [...(cells.get(key) ?? []), one.id]);
    }
    const head = make("tr", {}, make("th", { scope: "col", textContent: "drawn" }),
      ...classes.map(({ name }) => make("th", { scope: "col", textContent: name, title: name })));
    const rows = classes.map((drawn) => make("tr", {}, make("th", { scope: "row", textContent: drawn.name, title: drawn.name }),
      ...classes.map((said) => this.#cell(drawn, said, cells.get(`${drawn.id} ${said.id}`) ?? []))));
    const caption = make("caption", { textContent: "Rows: what was drawn. Columns: what it was taken for." });
    const table = make("table", {}, caption, make("thead", {}, head), make("tbody", {}, ...rows));
    return make("div", { class: "scroll", tabIndex: 0, role: "region", "aria-label": "Which classes are taken for which" }, table);
  }

  #cell(drawn, said, ids) {
    if (drawn === said || !ids.length)
      return make("td", { class: drawn === said ? "right" : "", textContent: ids.length || "" });
    const label = `${ids.length} ${drawn.name} taken for ${said.name}: look`;
    const button = make("button", { type: "button", textContent: ids.length, "aria-label": label });
    const { project, gallery } = this.page;
    button.addEventListener("click", () => gallery.look(ids.map((id) => project.samples.get(id)).filter(Boolean)));
    return make("td", {}, button);
  }
}
