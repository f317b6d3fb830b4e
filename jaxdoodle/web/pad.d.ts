import type { Drawing, Model, Prediction } from "./jaxdoodle.js";

/**
 * `<jaxdoodle-pad src="model.json">`: a square to draw on with a mouse, a finger, a pen or the keyboard.
 *
 * Events: "change" when its strokes change, "stroke" when one has ended, "guess" (detail: Prediction or null) at most
 * once a frame, "load" and "error" for `src`.
 */
export class Pad extends HTMLElement {
  /** x, y and milliseconds of each stroke, 0 to 1000. */
  get strokes(): number[][][];
  set strokes(drawing: Drawing);
  get model(): Model | null;
  set model(model: Model | null);
  /** What the model says of the strokes, as of the last frame; null for a blank pad or without a model. */
  get prediction(): Prediction | null;
  /** Whether a stroke is being drawn. */
  get drawing(): boolean;
  undo(): void;
  clear(): void;
}

declare global {
  interface HTMLElementTagNameMap {
    "jaxdoodle-pad": Pad;
  }
  interface HTMLElementEventMap {
    guess: CustomEvent<Prediction | null>;
  }
}
