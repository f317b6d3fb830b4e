// <jaxdoodle-pad>: a square to draw on with a mouse, a finger, a pen or the keyboard.
//
//   <script type="module" src="pad.js"></script>
//   <jaxdoodle-pad src="model.json"></jaxdoodle-pad>
//
// Events: "change" when its strokes change (as they are drawn, too), "stroke" when one has ended, "guess" with a
// Prediction as detail (null for a blank pad), at most once a frame, where the pad has a model; "load" and "error" for
// the file that src names. Its CSS color is that of the ink, --jaxdoodle-cursor that of the keyboard's cursor.
import { load } from "./jaxdoodle.js";

const SIDE = 1000; // length of a side of the pad, in the units of strokes
const STROKE_WIDTH = 34; // in the same units
const ARROW_STEP = 25; // how far an arrow key moves the cursor
const MOVES = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };

const STYLE = `
  :host { display: block; aspect-ratio: 1; touch-action: none; user-select: none; -webkit-user-select: none;
    cursor: crosshair; }
  canvas { display: block; width: 100%; height: 100%; border-radius: inherit; }
`;

const within = (at) => Math.min(Math.max(at, 0), SIDE);

// Paints strokes in units of SIDE on a canvas context of so many pixels a side.
function paint(context, strokes, pixels, color) {
  context.setTransform(pixels / SIDE, 0, 0, pixels / SIDE, 0, 0);
  context.clearRect(0, 0, SIDE, SIDE);
  context.lineCap = context.lineJoin = "round";
  context.lineWidth = STROKE_WIDTH;
  context.strokeStyle = color;
  for (const [xs, ys] of strokes) {
    context.beginPath();
    context.moveTo(xs[0], ys[0]);
    for (let i = 0; i + 1 < xs.length; i++)
      context.quadraticCurveTo(xs[i], ys[i], (xs[i] + xs[i + 1]) / 2, (ys[i] + ys[i + 1]) / 2);
    context.lineTo(xs.at(-1), ys.at(-1));
    context.stroke();
  }
}

// Where there are no elements (Node), the class can be named but not made.
const Base = globalThis.HTMLElement ?? class {};

export class Pad extends Base {
  static observedAttributes = ["src"];
  #strokes = [];
  #cursor = { x: SIDE / 2, y: SIDE / 2, shown: false, down: false };
  #pointer = null; // the id of the pointer that draws
  #model = null;
  #prediction = null;
  #due = false; // whether a frame has been asked for
  #started = 0; // when the first stroke began
  #canvas;
  #watched;

  constructor() {
    super();
    const root = this.attachShadow({ mode: "open" }), sheet = new CSSStyleSheet();
    sheet.replaceSync(STYLE);
    root.adoptedStyleSheets = [sheet];
    this.#canvas = root.appendChild(document.createElement("canvas"));
    this.#canvas.setAttribute("aria-hidden", "true");
    this.addEventListener("pointerdown", this.#press);
    this.addEventListener("pointermove", this.#move);
    for (const end of ["pointerup", "pointercancel"]) this.addEventListener(end, this.#release);
    this.addEventListener("keydown", this.#key);
    this.addEventListener("blur", this.#blur);
    this.#watched = new ResizeObserver(() => this.#refresh());
  }

  async attributeChangedCallback(name, before, source) {
    if (source === null) return;
    try {
      const model = await load(source);
      if (this.getAttribute("src") !== source) return;
      this.model = model;
      this.dispatchEvent(new Event("load"));
    } catch (error) {
      this.dispatchEvent(new ErrorEvent("error", { error, message: error.message }));
    }
  }

  connectedCallback() {
    const defaults = { tabindex: "0", role: "application", "aria-label": "Drawing pad" };
    for (const [name, value] of Object.entries(defaults)) if (!this.hasAttribute(name)) this.setAttribute(name, value);
    this.#watched.observe(this);
    scheme.addEventListener("change", this.#refresh);
    this.#refresh();
  }

  disconnectedCallback() {
    this.#watched.disconnect();
    scheme.removeEventListener("change", this.#refresh);
  }

  // [[x, ...], [y, ...], [milliseconds since the first point, ...]] of each stroke, 0 to 1000.
  get strokes() {
    return this.#strokes;
  }

  set strokes(drawing) {
    this.#lift();
    this.#strokes = drawing.map(([xs, ys, times]) => [[...xs], [...ys], [...(times ?? xs.map(() => 0))]]);
    this.#changed();
  }

  get model() {
    return this.#model;
  }

  set model(model) {
    this.#model = model;
    this.#refresh();
  }

  // What the model says of the strokes, as of the last frame; null for a blank pad or without a model.
  get prediction() {
    return this.#prediction;
  }

  // Whether a stroke is being drawn.
  get drawing() {
    return this.#pointer !== null || this.#cursor.down;
  }

  undo() {
    this.#lift();
    if (this.#strokes.pop()) this.#changed();
  }

  clear() {
    this.#lift();
    this.#strokes = [];
    this.#changed();
  }

  #begin(x, y) {
    if (!this.#strokes.length) this.#started = performance.now();
    this.#strokes.push([[], [], []]);
    this.#extend(x, y);
  }

  #extend(x, y) {
    const [xs, ys, times] = this.#strokes.at(-1);
    if (xs.at(-1) === x && ys.at(-1) === y) return;
    xs.push(x);
    ys.push(y);
    times.push(Math.round(performance.now() - this.#started));
    this.#changed();
  }

  #lift() {
    const ended = this.drawing;
    this.#pointer = null;
    this.#cursor.down = false;
    if (ended) this.dispatchEvent(new Event("stroke"));
  }

  #changed() {
    this.dispatchEvent(new Event("change"));
    this.#refresh();
  }

  #refresh = () => {
    if (this.#due) return;
    this.#due = true;
    requestAnimationFrame(() => {
      this.#due = false;
      this.#draw();
      if (!this.#model) return;
      this.#prediction = this.#strokes.length ? this.#model.predict(this.#strokes) : null;
      this.dispatchEvent(new CustomEvent("guess", { detail: this.#prediction }));
    });
  };

  #draw() {
    const pixels = Math.round(this.clientWidth * devicePixelRatio), cursor = this.#cursor;
    if (this.#canvas.width !== pixels) this.#canvas.width = this.#canvas.height = pixels;
    const context = this.#canvas.getContext("2d"), style = getComputedStyle(this);
    paint(context, this.#strokes, pixels, style.color);
    if (!cursor.shown) return;
    context.strokeStyle = context.fillStyle = style.getPropertyValue("--jaxdoodle-cursor") || "#0072b2";
    context.lineWidth = 4;
    context.beginPath();
    context.arc(cursor.x, cursor.y, STROKE_WIDTH / 2, 0, 2 * Math.PI);
    cursor.down ? context.fill() : context.stroke();
  }

  #position(event, box = this.getBoundingClientRect()) {
    const [x, y] = [(event.clientX - box.left) / box.width, (event.clientY - box.top) / box.height];
    return [within(SIDE * x), within(SIDE * y)];
  }

  #press(event) {
    if (this.#pointer !== null || event.button !== 0) return;
    this.setPointerCapture(event.pointerId);
    this.#lift();
    this.#pointer = event.pointerId;
    this.#cursor.shown = false;
    this.#begin(...this.#position(event));
  }

  #move(event) {
    if (event.pointerId !== this.#pointer) return;
    const moves = event.getCoalescedEvents?.() ?? [], box = this.getBoundingClientRect();
    for (const move of moves.length ? moves : [event]) this.#extend(...this.#position(move, box));
  }

  #release(event) {
    if (event.pointerId === this.#pointer) this.#lift();
  }

  // Arrow keys move the cursor, space starts and ends a stroke, Z takes the last one back, Delete all.
  #key(event) {
    const cursor = this.#cursor, move = MOVES[event.key];
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    if (move) {
      cursor.shown = true;
      cursor.x = within(cursor.x + ARROW_STEP * move[0]);
      cursor.y = within(cursor.y + ARROW_STEP * move[1]);
      if (cursor.down) this.#extend(cursor.x, cursor.y);
    } else if (event.key === " ") {
      cursor.shown = true;
      if (cursor.down) this.#lift();
      else {
        cursor.down = true;
        this.#begin(cursor.x, cursor.y);
      }
    } else if (event.key === "z" || event.key === "Z") this.undo();
    else if (event.key === "Delete") this.clear();
    else return;
    event.preventDefault();
    this.#refresh();
  }

  #blur() {
    this.#lift();
    this.#cursor.shown = false;
    this.#refresh();
  }
}

const scheme = globalThis.matchMedia?.("(prefers-color-scheme: dark)");
if (globalThis.customElements && !customElements.get("jaxdoodle-pad")) customElements.define("jaxdoodle-pad", Pad);
