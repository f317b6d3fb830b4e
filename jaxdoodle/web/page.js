"use strict";

// The page: takes strokes, and shows the prediction for the drawing while it is drawn.
const Page = (() => {
  const SIDE = 1000; // length of a side of the pad, in the units of strokes
  const STROKE_WIDTH = 34; // in the same units
  const ARROW_STEP = 25; // how far an arrow key moves the cursor
  const SHOWN = 5;
  const element = (id) => document.getElementById(id);
  const model = Network.load(JSON.parse(element("model").textContent));
  const strokes = [];
  const cursor = { x: SIDE / 2, y: SIDE / 2, shown: false, down: false };
  let pointer = null; // the id of the pointer that draws
  let answer = null; // {bitmap, logits, probabilities, abstained} of the drawing, or {abstained, reason}

  // Strokes.

  function begin(x, y) {
    strokes.push([[], []]);
    extend(x, y);
  }

  function extend(x, y) {
    const [xs, ys] = strokes.at(-1);
    if (xs.at(-1) === x && ys.at(-1) === y) return;
    xs.push(x);
    ys.push(y);
    refresh();
  }

  function undo() {
    lift();
    strokes.pop();
    refresh();
  }

  function clear() {
    lift();
    strokes.length = 0;
    refresh();
  }

  function lift() {
    pointer = null;
    cursor.down = false;
  }

  // The answer.

  function ask() {
    if (!strokes.length) return null;
    const reason = Strokes.rejection(strokes);
    if (reason) return { abstained: true, reason };
    const bitmap = Strokes.render(strokes, model.contract);
    const logits = Network.logits(model, bitmap);
    return { bitmap, logits, ...Network.decide(model, logits) };
  }

  let due = false;
  function refresh() {
    if (due) return;
    due = true;
    requestAnimationFrame(() => {
      due = false;
      answer = ask();
      draw();
      show();
    });
  }

  // The screen.

  function draw() {
    const pad = element("pad"), pixels = Math.round(pad.clientWidth * devicePixelRatio);
    if (pad.width !== pixels) pad.width = pad.height = pixels;
    const context = pad.getContext("2d"), colors = getComputedStyle(document.documentElement);
    context.setTransform(pixels / SIDE, 0, 0, pixels / SIDE, 0, 0);
    context.clearRect(0, 0, SIDE, SIDE);
    context.lineCap = context.lineJoin = "round";
    context.lineWidth = STROKE_WIDTH;
    context.strokeStyle = colors.getPropertyValue("--ink");
    for (const [xs, ys] of strokes) {
      context.beginPath();
      context.moveTo(xs[0], ys[0]);
      for (let i = 0; i + 1 < xs.length; i++)
        context.quadraticCurveTo(xs[i], ys[i], (xs[i] + xs[i + 1]) / 2, (ys[i] + ys[i + 1]) / 2);
      context.lineTo(xs.at(-1), ys.at(-1));
      context.stroke();
    }
    if (!cursor.shown) return;
    context.strokeStyle = context.fillStyle = colors.getPropertyValue("--bar");
    context.lineWidth = 4;
    context.beginPath();
    context.arc(cursor.x, cursor.y, STROKE_WIDTH / 2, 0, 2 * Math.PI);
    cursor.down ? context.fill() : context.stroke();
  }

  function show() {
    const shares = answer?.probabilities;
    const order = shares?.map((_, i) => i).sort((a, b) => shares[b] - shares[a]) ?? [];
    say("guess", !answer ? "What is it?" : answer.abstained ? "Unknown" : model.classes[order[0]]);
    say("remark", answer ? remark(answer, ...order) : "A guess appears as you draw.");
    element("guess").classList.toggle("unsure", !answer || answer.abstained);
    document.body.classList.toggle("abstained", Boolean(answer?.abstained));
    [...element("bars").children].forEach((row, rank) => {
      const share = shares?.[order[rank]] ?? 0;
      row.querySelector(".name").textContent = model.classes[order[rank]] ?? "";
      row.querySelector(".share").style.width = `${100 * share}%`;
      row.querySelector(".percent").textContent = shares ? `${(100 * share).toFixed(1)} %` : "";
    });
    element("hint").hidden = Boolean(answer);
    element("undo").disabled = element("clear").disabled = !answer;
    preview();
  }

  function remark({ probabilities, abstained, reason }, first, second) {
    if (reason) return `${reason[0].toUpperCase()}${reason.slice(1)}.`;
    if (abstained) return `Most like ${model.classes[first]}, but not like enough.`;
    if (probabilities[first] >= 0.9 || second === undefined) return "I am quite sure.";
    return `${probabilities[first] >= 0.6 ? "Probably." : "Perhaps."} Or ${model.classes[second]}?`;
  }

  // Sets a text only where it changes: screen readers read each change out.
  function say(id, text) {
    if (element(id).textContent !== text) element(id).textContent = text;
  }

  function preview() {
    const canvas = element("preview"), [height, width] = model.contract.image_shape;
    Object.assign(canvas, { width, height });
    const image = new ImageData(width, height);
    for (let i = 0; i < height * width; i++) image.data.set([...Array(3).fill(answer?.bitmap?.[i] ?? 0), 255], 4 * i);
    canvas.getContext("2d").putImageData(image, 0, 0);
  }

  function introduce() {
    const { classes, contract, provenance } = model;
    const few = classes.length <= 12;
    const some = few ? classes : classes.filter((_, i) => i % Math.ceil(classes.length / 6) === 0);
    element("hint").textContent = `Draw ${few ? "one of" : "something, say"} ${some.join(", ")}`;
    const [height, width] = contract.image_shape;
    const size = `${width}\u00a0×\u00a0${height}\u00a0pixels, ${contract.longest_side.toFixed(0)} long`;
    element("sees").textContent = `your strokes, drawn again, ${size}`;
    const score = provenance.scores?.test;
    const number = (count) => count.toLocaleString("en");
    const facts = [
      `${number(model.parameters)} parameters`,
      model.layers.some((layer) => layer.levels) && "in 8 bits",
      provenance.dataset && `trained on ${provenance.dataset}`,
      score && `right on ${number(score.correct)} of ${number(score.total)} test drawings when trained`,
    ];
    element("about").textContent =
      `A network of ${facts.filter(Boolean).join(", ")}. It runs in this page; nothing you draw leaves it.`;
    element("known").hidden = few;
    element("known").querySelector("summary").textContent = `All ${classes.length} classes`;
    element("known").querySelector("p").textContent = classes.join(", ");
    const longest = Math.max(...classes.map((name) => name.length));
    element("bars").style.setProperty("--name", `${Math.max(2, 1.05 * longest)}ch`);
    for (let rank = 0; rank < Math.min(SHOWN, classes.length); rank++) {
      const span = (className) => Object.assign(document.createElement("span"), { className });
      const row = document.createElement("li"), track = span("track");
      track.append(span("share"));
      row.append(span("name"), track, span("percent"));
      element("bars").append(row);
    }
  }

  // Pointers and keys.

  const within = (at) => Math.min(Math.max(at, 0), SIDE);

  function position(event) {
    const box = element("pad").getBoundingClientRect();
    const [x, y] = [(event.clientX - box.left) / box.width, (event.clientY - box.top) / box.height];
    return [within(SIDE * x), within(SIDE * y)];
  }

  function listen() {
    const pad = element("pad");
    pad.addEventListener("pointerdown", (event) => {
      if (pointer !== null || event.button !== 0) return;
      pad.setPointerCapture(event.pointerId);
      lift();
      pointer = event.pointerId;
      cursor.shown = false;
      begin(...position(event));
    });
    pad.addEventListener("pointermove", (event) => {
      if (event.pointerId !== pointer) return;
      const moves = event.getCoalescedEvents?.() ?? [];
      for (const move of moves.length ? moves : [event]) extend(...position(move));
    });
    for (const end of ["pointerup", "pointercancel"])
      pad.addEventListener(end, (event) => {
        if (event.pointerId === pointer) lift();
      });
    pad.addEventListener("keydown", (event) => {
      const moves = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };
      const move = moves[event.key];
      if (!move && event.key !== " ") return;
      event.preventDefault();
      cursor.shown = true;
      if (move) {
        cursor.x = within(cursor.x + ARROW_STEP * move[0]);
        cursor.y = within(cursor.y + ARROW_STEP * move[1]);
        if (cursor.down) extend(cursor.x, cursor.y);
      } else {
        cursor.down = !cursor.down;
        if (cursor.down) begin(cursor.x, cursor.y);
      }
      refresh();
    });
    pad.addEventListener("blur", () => {
      cursor.shown = cursor.down = false;
      refresh();
    });
    addEventListener("keydown", (event) => {
      if (event.key.toLowerCase() === "z" && !event.altKey && !event.shiftKey) undo();
      else if (event.key === "Delete" || event.key === "Escape") clear();
      else return;
      event.preventDefault();
    });
    element("undo").addEventListener("click", undo);
    element("clear").addEventListener("click", clear);
    addEventListener("resize", refresh);
    matchMedia("(prefers-color-scheme: dark)").addEventListener("change", refresh);
  }

  introduce();
  if (Network.reproducesExamples(model)) {
    listen();
    refresh();
  } else {
    element("guess").textContent = "This page is damaged.";
    element("remark").textContent = "Its network no longer computes the logits that it was written with.";
  }

  return { model, strokes, get answer() { return answer; } };
})();
