// The page that recognizes: it shows the prediction for a drawing while it is drawn.
import { Model } from "../jaxdoodle.js";
import "../pad.js";

const SHOWN = 5;
const element = (id) => document.getElementById(id);
export const pad = element("pad");

function show(model, answer) {
  const guesses = answer?.top(SHOWN) ?? [];
  say("guess", !answer ? "What is it?" : answer.abstained ? "Unknown" : answer.label);
  say("remark", answer ? remark(answer, ...guesses) : "A guess appears as you draw.");
  element("guess").classList.toggle("unsure", !answer || answer.abstained);
  document.body.classList.toggle("abstained", Boolean(answer?.abstained));
  [...element("bars").children].forEach((row, rank) => {
    const { label = "", probability = 0 } = guesses[rank] ?? {};
    row.querySelector(".name").textContent = label;
    row.querySelector(".share").style.width = `${100 * probability}%`;
    row.querySelector(".percent").textContent = label && `${(100 * probability).toFixed(1)} %`;
  });
  element("hint").hidden = Boolean(answer);
  element("undo").disabled = element("clear").disabled = !answer;
  preview(model, answer?.bitmap);
}

function remark({ abstained, reason, label }, first, second) {
  if (label === null) return `${reason[0].toUpperCase()}${reason.slice(1)}.`;
  if (abstained) return `Most like ${label}, but not like enough.`;
  if (first.probability >= 0.9 || !second) return "I am quite sure.";
  return `${first.probability >= 0.6 ? "Probably." : "Perhaps."} Or ${second.label}?`;
}

// Sets a text only where it changes: screen readers read each change out.
function say(id, text) {
  if (element(id).textContent !== text) element(id).textContent = text;
}

function preview({ network }, bitmap) {
  const canvas = element("preview"), [height, width] = network.contract.image_shape;
  Object.assign(canvas, { width, height });
  const image = new ImageData(width, height);
  for (let i = 0; i < height * width; i++) image.data.set([...Array(3).fill(bitmap?.[i] ?? 0), 255], 4 * i);
  canvas.getContext("2d").putImageData(image, 0, 0);
}

function introduce({ classes, network }) {
  const { contract, provenance, parameters, layers } = network;
  const few = classes.length <= 12;
  const some = few ? classes : classes.filter((_, i) => i % Math.ceil(classes.length / 6) === 0);
  element("hint").textContent = `Draw ${few ? "one of" : "something, say"} ${some.join(", ")}`;
  const [height, width] = contract.image_shape;
  const size = `${width}\u00a0×\u00a0${height}\u00a0pixels, ${contract.longest_side.toFixed(0)} long`;
  element("sees").textContent = `your strokes, drawn again, ${size}`;
  const score = provenance.scores?.test;
  const number = (count) => count.toLocaleString("en");
  const facts = [
    `${number(parameters)} parameters`,
    layers.some((layer) => layer.levels) && "in 8 bits",
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

function listen() {
  addEventListener("keydown", (event) => {
    if (event.defaultPrevented || event.altKey || event.shiftKey) return;
    if (event.key.toLowerCase() === "z") pad.undo();
    else if (event.key === "Delete" || event.key === "Escape") pad.clear();
    else return;
    event.preventDefault();
  });
  element("undo").addEventListener("click", () => pad.undo());
  element("clear").addEventListener("click", () => pad.clear());
}

function start() {
  let model;
  try {
    model = new Model(JSON.parse(element("model").textContent));
  } catch {
    element("guess").textContent = "This page is damaged.";
    element("remark").textContent = "Its network no longer computes the logits that it was written with.";
    return null;
  }
  introduce(model);
  listen();
  pad.addEventListener("guess", ({ detail }) => show(model, detail));
  pad.model = model;
  return model;
}

export const model = start();
