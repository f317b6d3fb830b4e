// Drawings as lines of JSON, in the form that Quick, Draw! publishes, with a "drawer" more.
import { fault, rejection } from "../strokes.js";
import { nameFault } from "./project.js";

const MOST_BYTES = 2 ** 22; // of a line
export const MOST_FILE = 2 ** 27;

// One line for each sample { word, drawer, time, drawing, id }.
export function toLines(samples) {
  return samples.map(({ word, drawer, time, drawing, id }) => {
    const timestamp = `${new Date(time).toISOString().replace("T", " ").replace("Z", "000 UTC")}`;
    const key = String(1e15 + id);
    return `${JSON.stringify({ word, countrycode: "", timestamp, recognized: true, key_id: key, drawer, drawing })}\n`;
  }).join("");
}

// { samples: [{ word, drawer, time, drawing }], skipped, first }: how many lines are no drawing, and why the first is not.
export function fromLines(text) {
  const samples = [];
  let skipped = 0, first = null, number = 0;
  for (const line of text.replace(/^\ufeff/, "").split("\n")) {
    number++;
    if (!line.trim()) continue;
    try {
      samples.push(sampleOf(line));
    } catch (error) {
      skipped++;
      first ??= `line ${number}: ${error.message}`;
    }
  }
  return { samples, skipped, first };
}

function sampleOf(line) {
  if (line.length > MOST_BYTES) throw new RangeError(`a drawing takes at most ${MOST_BYTES} bytes`);
  let record;
  try {
    record = JSON.parse(line);
  } catch {
    throw new RangeError("expected JSON");
  }
  const { word, drawer = "", timestamp, drawing } = record ?? {};
  if (typeof word !== "string") throw new RangeError('expected a JSON object with a "word" and a "drawing"');
  if (typeof drawer !== "string") throw new RangeError("a drawer is a name");
  const wrong = nameFault(word) ?? nameFault(drawer || "nobody") ?? fault(drawing) ?? rejection(drawing);
  if (wrong) throw new RangeError(wrong);
  const time = Date.parse(String(timestamp).replace(" UTC", "Z").replace(" ", "T"));
  const strokes = drawing.map(([xs, ys, times]) => (isTimes(times, xs) ? [xs, ys, times] : [xs, ys]));
  return { word: word.trim(), drawer: drawer.trim(), time: Number.isFinite(time) ? time : Date.now(), drawing: strokes };
}

const isTimes = (times, xs) =>
  Array.isArray(times) && times.length === xs.length && times.every((time) => Number.isFinite(time));
