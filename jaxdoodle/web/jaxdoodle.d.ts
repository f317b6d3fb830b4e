/** A stroke: all x, all y (pointing down), and, where known, the milliseconds since the first point. */
export type Stroke = readonly [readonly number[], readonly number[], (readonly number[])?];
export type Drawing = readonly Stroke[];

/** What a model says of one drawing. */
export class Prediction {
  readonly classes: readonly string[];
  /** One for each class, in their order; empty where nothing is drawn. */
  readonly probabilities: readonly number[];
  readonly logits: Float32Array | null;
  /** What the network saw, 0 to 255, row by row, white ink on black; null where nothing is drawn. */
  readonly bitmap: Uint8Array | null;
  /** Why the model abstains, in words; null where it answers. */
  readonly reason: string | null;
  /** Whether the answer is "unknown": this looks like none of the classes. */
  get abstained(): boolean;
  /** The most probable class, also where the model abstains; null where nothing is drawn. */
  get label(): string | null;
  /** The k most probable classes, best first. */
  top(k: number): { label: string; probability: number }[];
}

/** A trained network, ready to predict; the answers are those of Python. */
export class Model {
  /** @throws where this is no model, or a damaged one */
  constructor(description: object);
  get classes(): readonly string[];
  /** The bitmap that the network sees of a drawing: height * width values, white ink on black. */
  bitmap(drawing: Drawing): Uint8Array;
  logits(bitmap: Uint8Array): Float32Array;
  /** @throws TypeError where this is no list of strokes */
  predict(drawing: Drawing): Prediction;
  /** The guess after each stroke of a drawing, which may still be in the making. */
  watch(drawing: Iterable<Stroke> | AsyncIterable<Stroke>): AsyncGenerator<Prediction>;
}

/** A model from the address of its JSON file, or from the parsed JSON itself. */
export function load(source: string | URL | object): Promise<Model>;
