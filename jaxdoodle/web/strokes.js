// From strokes to a bitmap like those that the network was trained on. A drawing is a list of strokes
// [[x, ...], [y, ...]], or with a third list, the times.

const LINES = 15; // scan lines per pixel, as in cairo
const STEPS = 256; // positions along a scan line, per pixel
const TIE = 1e-9; // distances that differ by less are equal
const SLACK = 12; // how far from the edges of its box a simplified drawing may end

const MAX_COORDINATE = 1e6;
const MAX_POINTS = 100000; // of a drawing
const MAX_LENGTH = 200; // of all strokes together, in longer sides of the drawing

const rint = (value) => value + 2 ** 52 * 1.5 - 2 ** 52 * 1.5; // halves to even

const isCoordinate = (value) => typeof value === "number" && Math.abs(value) < MAX_COORDINATE;

// What is wrong with the form of a drawing, in the words of the library; null where nothing is.
export function fault(drawing) {
  if (!Array.isArray(drawing) || !drawing.length) return "a drawing is a list of strokes";
  for (const [index, stroke] of drawing.entries()) {
    const [xs, ys] = Array.isArray(stroke) ? stroke : [];
    const fine = Array.isArray(xs) && Array.isArray(ys) && xs.length === ys.length && xs.length > 0;
    if (!fine || !xs.every(isCoordinate) || !ys.every(isCoordinate))
      return `stroke ${index} is two equally long lists of numbers below a million`;
  }
  return null;
}

// Why this shows no drawing, in the words of the library; null for a drawing.
export function rejection(drawing) {
  if (drawing.reduce((points, [xs]) => points + xs.length, 0) > MAX_POINTS)
    return `a drawing has at most ${MAX_POINTS.toLocaleString("en")} points; this one has more`;
  const sides = [0, 1].map((axis) => drawing.flatMap((stroke) => stroke[axis]));
  const side = Math.max(...sides.map((all) => greatest(all) - least(all)));
  if (!side) return "the strokes are a single dot; expected lines";
  let length = 0;
  for (const [xs, ys] of drawing)
    for (let i = 1; i < xs.length; i++) length += Math.hypot(xs[i] - xs[i - 1], ys[i] - ys[i - 1]);
  if (length <= MAX_LENGTH * side) return null;
  return `the strokes are too busy: ${rint(length / side)} times as long as the drawing; at most ${MAX_LENGTH}`;
}

// As Quick, Draw! simplifies: shift to 0, scale the longer side to 255, resample at 1, drop what lies within 2,
// round. One that is simplified stays as it is.
export function simplify(drawing) {
  if (isSimplified(drawing)) return drawing;
  const side = [0, 1].map((axis) => {
    const all = drawing.flatMap((stroke) => stroke[axis]);
    return { low: least(all), extent: greatest(all) - least(all) };
  });
  const extent = Math.max(side[0].extent, side[1].extent);
  const scale = extent > 0 ? 255 / extent : 1;
  return drawing.map(([xs, ys]) => {
    const points = xs.map((x, i) => [(x - side[0].low) * scale, (ys[i] - side[1].low) * scale]);
    const kept = simplifyLine(resample(points), 2);
    return [0, 1].map((axis) => kept.map((point) => rint(point[axis])));
  });
}

// Two lists of integers a stroke, the least of each axis about 0, the largest of all about 255.
function isSimplified(drawing) {
  if (drawing.some((stroke) => stroke.length !== 2)) return false;
  const [xs, ys] = [0, 1].map((axis) => drawing.flatMap((stroke) => stroke[axis])), all = [...xs, ...ys];
  if (!all.every((value) => Number.isInteger(value) && value >= 0 && value <= 255)) return false;
  return Math.max(least(xs), least(ys)) <= SLACK && greatest(all) >= 255 - SLACK;
}

const least = (values) => values.reduce((low, value) => Math.min(low, value), Infinity);
const greatest = (values) => values.reduce((high, value) => Math.max(high, value), -Infinity);

function resample(points) {
  const along = [0];
  for (let i = 1; i < points.length; i++)
    along.push(along[i - 1] + Math.hypot(points[i][0] - points[i - 1][0], points[i][1] - points[i - 1][1]));
  const length = along.at(-1), resampled = [];
  for (let at = 0, i = 0; at < Math.max(length, 1e-9); at++) {
    while (i < points.length - 2 && along[i + 1] <= at) i++;
    const [from, to] = [points[i], points[i + 1] ?? points[i]];
    const span = along[i + 1] - along[i] || 1;
    resampled.push([0, 1].map((axis) => ((to[axis] - from[axis]) / span) * (at - along[i]) + from[axis]));
  }
  return [...resampled, points.at(-1)];
}

// Ramer-Douglas-Peucker: a stretch becomes its chord unless its farthest point is more than epsilon away.
function simplifyLine(points, epsilon) {
  const kept = new Set([0, points.length - 1]), stretches = [[0, points.length - 1]];
  while (stretches.length) {
    const [first, last] = stretches.pop();
    const [x0, y0] = points[first], dx = points[last][0] - x0, dy = points[last][1] - y0, length = Math.hypot(dx, dy);
    let farthest = first, most = epsilon;
    for (let i = first + 1; i < last; i++) {
      const x = points[i][0] - x0, y = points[i][1] - y0;
      const away = length > 0 ? Math.abs(y * dx - x * dy) / length : Math.hypot(x, y);
      if (away > most + TIE) [farthest, most] = [i, away];
    }
    if (farthest > first) {
      kept.add(farthest);
      stretches.push([first, farthest], [farthest, last]);
    }
  }
  return points.filter((_, i) => kept.has(i));
}

// White ink on black in the polarity that the preprocessing asks for.
function inked(bitmap, contract) {
  return contract.polarity === "dark on light" ? bitmap.map((ink) => 255 - ink) : bitmap;
}

// The bitmap of a drawing by the preprocessing, which the model holds as "contract": Uint8Array (height * width),
// white ink on black.
export function render(drawing, contract) {
  const simple = simplify(drawing);
  const strokeWidth = contract.stroke_width ?? contract.longest_side / 8;
  const scale = (contract.longest_side - strokeWidth) / 255;
  const [height, width] = contract.image_shape;
  const middle = [0, 1].map((axis) => greatest(simple.flatMap((stroke) => stroke[axis])) / 2);
  const paint = ([row, column]) => {
    const [dx, dy] = [column + 0.5 - middle[0] * scale, row + 0.5 - middle[1] * scale];
    const strokes = simple.map(([xs, ys]) => xs.map((x, i) => [x * scale + dx, ys[i] * scale + dy]));
    return fill(strokes, strokeWidth / 2, height, width);
  };
  if (contract.centring !== "mass") return inked(paint(contract.centre), contract);
  const center = [(height - 1) / 2, (width - 1) / 2];
  const mass = centerOfMass(paint(center), height, width);
  return inked(paint(center.map((c, axis) => c + contract.centre[axis] - mass[axis])), contract);
}

function centerOfMass(bitmap, height, width) {
  let sum = 0, rows = 0, columns = 0;
  bitmap.forEach((ink, i) => {
    sum += ink;
    rows += ink * Math.floor(i / width);
    columns += ink * (i % width);
  });
  return sum > 0 ? [rows / sum, columns / sum] : [height, width].map((n) => (n - 1) / 2);
}

// Strokes of points [x, y] in pixels, drawn with round caps and joins. Within a stroke ink is a union; where a stroke
// covers a pixel in part, it is blended over the earlier ones.
function fill(strokes, radius, height, width) {
  const background = new Float64Array(height * width).fill(1), halfWidth = halfWidthOf(radius);
  for (const points of strokes) {
    const lines = Array.from({ length: LINES * height }, () => []);
    const last = Math.max(points.length - 1, 1);
    for (let i = 0; i < last; i++) cross(lines, points[i], points[i + 1] ?? points[i], radius, halfWidth, width);
    const covered = new Float64Array(height * width);
    lines.forEach((spans, line) => cover(covered, spans, Math.floor(line / LINES) * width));
    covered.forEach((steps, i) => (background[i] *= 1 - steps / (STEPS * LINES)));
  }
  return Uint8Array.from(background, (value) => rint(255 * (1 - value)));
}

// Adds to each line the span [left, right] where it crosses the segment between two points: a disc at both ends, and
// the rectangle between them.
function cross(lines, start, end, radius, halfWidth, width) {
  const [[x0, y0], [x1, y1]] = start[1] <= end[1] ? [start, end] : [end, start];
  const dy = Math.max(y1 - y0, 1e-4), dx = Math.abs(x1 - x0) < 1e-4 ? 1e-4 : x1 - x0;
  const squared = dx * dx + dy * dy, half = (radius * Math.sqrt(squared)) / dy, length = squared / dx;
  const first = Math.max(0, Math.ceil(LINES * (y0 - radius) - 0.5));
  const beyond = Math.min(lines.length, Math.floor(LINES * (y1 + radius) + 0.5));
  for (let line = first; line < beyond; line++) {
    const down = (line + 0.5) / LINES - y0, middle = (down * dx) / dy, ends = (-down * dy) / dx;
    let left = Math.max(middle - half, ends + Math.min(length, 0));
    let right = Math.min(middle + half, ends + Math.max(length, 0));
    if (left > right) [left, right] = [Infinity, -Infinity];
    for (const [x, y] of [[0, down], [x1 - x0, down - (y1 - y0)]]) {
      const reach = halfWidth(Math.abs(y));
      left = Math.min(left, x - reach);
      right = Math.max(right, x + reach);
    }
    const [from, to] = [left, right].map((x) => {
      return Math.trunc(Math.min(Math.max(STEPS * (x + x0) + 0.5, 0), STEPS * width));
    });
    if (to > from) lines[line].push([from, to]);
  }
}

// Half the width of the disc at each height. The disc is a polygon with its corners on the circle and its sides
// within a tenth of a pixel of it, as in cairo.
function halfWidthOf(radius) {
  const sides = 2 * Math.ceil(Math.PI / Math.acos(Math.max(1 - 0.1 / radius, 0))), turn = (2 * Math.PI) / sides;
  const quarter = Array.from({ length: Math.floor(sides / 4) + 1 }, (_, k) => k * turn);
  const corners = quarter.map((angle) => [Math.cos(angle), Math.sin(angle)]);
  return (height) => {
    const upper = corners.findIndex(([, y]) => height <= radius * y);
    if (upper < 0) return -Infinity;
    if (upper === 0) return radius;
    const [[wide, low], [narrow, high]] = [corners[upper - 1], corners[upper]];
    return radius * wide + ((narrow - wide) * (height - radius * low)) / (high - low);
  };
}

// Adds to a row of pixels the steps that the union of the spans covers.
function cover(covered, spans, row) {
  let reached = 0;
  for (const [left, right] of spans.sort((a, b) => a[0] - b[0])) {
    for (let from = Math.max(left, reached); from < right; ) {
      const pixel = Math.floor(from / STEPS), to = Math.min(right, (pixel + 1) * STEPS);
      covered[row + pixel] += to - from;
      from = to;
    }
    reached = Math.max(reached, right);
  }
}
