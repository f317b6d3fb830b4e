// The model file, version 1 and 2, as jaxdoodle/inference/README.md describes it: written byte by byte.
const HEADER = "header.json";
const TYPES = { Float32Array: "<f4", Uint8Array: "|u1" };
const NPY_HEADER = 118; // characters of an array's header; with what stands before them 128 bytes

const ascii = (text) => Uint8Array.from(text, (character) => character.charCodeAt(0));

function joined(parts) {
  const whole = new Uint8Array(parts.reduce((size, part) => size + part.length, 0));
  let at = 0;
  for (const part of parts) {
    whole.set(part, at);
    at += part.length;
  }
  return whole;
}

// A model file: metadata in JSON values, members {name: {array, shape}}.
export function modelFile(metadata, arrays) {
  const names = Object.keys(arrays).sort(), members = names.map((name) => npy(arrays[name]));
  const version = "mean" in metadata.contract ? 2 : 1;
  const header = { format: "jaxdoodle model", version, ...metadata };
  header.sha256 = sha256(joined([ascii(asPython(header)), ...members]));
  return zip([[HEADER, ascii(asPython(header))], ...names.map((name, i) => [name, members[i]])]);
}

// An array as numpy.save writes it.
export function npy({ array, shape }) {
  const sizes = shape.length === 1 ? `${shape[0]},` : shape.join(", ");
  const text = `{'descr': '${TYPES[array.constructor.name]}', 'fortran_order': False, 'shape': (${sizes}), }`;
  const data = new Uint8Array(array.buffer, array.byteOffset, array.byteLength);
  return joined([ascii(`\x93NUMPY\x01\x00${words(2, NPY_HEADER)}${text.padEnd(NPY_HEADER - 1)}\n`), data]);
}

// JSON as Python's json.dumps writes it with sorted keys and no spaces, so that the digests agree.
export function asPython(value) {
  if (Array.isArray(value)) return `[${value.map(asPython).join()}]`;
  if (typeof value === "number") return number(value);
  if (value && typeof value === "object")
    return `{${Object.keys(value).sort().map((key) => `${asPython(key)}:${asPython(value[key])}`).join()}}`;
  const escaped = (character) => `\\u${character.charCodeAt(0).toString(16).padStart(4, "0")}`;
  return JSON.stringify(value).replace(/[\x7f-\uffff]/g, escaped);
}

function number(value) {
  if (!Number.isFinite(value)) throw new RangeError(`${value} is no number in JSON`);
  const size = Math.abs(value);
  if (Number.isSafeInteger(value) || (size >= 1e-4 && size < 1e16)) return String(value);
  return value.toExponential().replace(/e([+-])(\d)$/, "e$10$2");
}

// A number of so many bytes, little endian, as characters.
const words = (size, value) =>
  String.fromCharCode(...Array.from({ length: size }, (_, i) => Math.floor(value / 2 ** (8 * i)) % 256));

// An archive of stored members, each of the first of January 1980.
export function zip(members) {
  const parts = [], entries = [];
  let at = 0;
  for (const [name, content] of members) {
    const sizes = words(4, crc32(content)) + words(4, content.length).repeat(2);
    const member = `${words(2, 20) + words(6, 0) + words(2, 33) + sizes + words(2, name.length)}\0\0`;
    parts.push(ascii(`PK\x03\x04${member}${name}`), content);
    const attributes = words(6, 0) + words(4, 0o644 * 2 ** 16);
    entries.push(ascii(`PK\x01\x02${words(1, 20)}${words(1, 3)}${member}${attributes}${words(4, at)}${name}`));
    at += 30 + name.length + content.length;
  }
  const directory = joined(entries), count = words(2, members.length);
  const end = `PK\x05\x06${words(4, 0)}${count}${count}${words(4, directory.length)}${words(4, at)}\0\0`;
  return joined([...parts, directory, ascii(end)]);
}

const CRC = Int32Array.from({ length: 256 }, (_, byte) => {
  for (let bit = 0; bit < 8; bit++) byte = byte & 1 ? (byte >>> 1) ^ 0xedb88320 : byte >>> 1;
  return byte;
});

export function crc32(bytes) {
  let crc = -1;
  for (const byte of bytes) crc = CRC[(crc ^ byte) & 255] ^ (crc >>> 8);
  return ~crc >>> 0;
}

// SHA-256 (FIPS 180-4), hexadecimal. crypto.subtle is missing where a page comes from a server without TLS.
export function sha256(bytes) {
  const primes = [], fraction = (root) => Math.floor((root % 1) * 2 ** 32);
  for (let n = 2; primes.length < 64; n++) if (primes.every((prime) => n % prime)) primes.push(n);
  const constants = primes.map((prime) => fraction(Math.cbrt(prime)));
  const hash = Uint32Array.from(primes.slice(0, 8), (prime) => fraction(Math.sqrt(prime)));
  const padded = new Uint8Array(Math.ceil((bytes.length + 9) / 64) * 64), view = new DataView(padded.buffer);
  padded.set(bytes);
  padded[bytes.length] = 0x80;
  view.setUint32(padded.length - 8, Math.floor(bytes.length / 2 ** 29));
  view.setUint32(padded.length - 4, (bytes.length * 8) >>> 0);
  const w = new Uint32Array(64), turn = (value, by) => (value >>> by) | (value << (32 - by));
  for (let block = 0; block < padded.length; block += 64) {
    for (let i = 0; i < 16; i++) w[i] = view.getUint32(block + 4 * i);
    for (let i = 16; i < 64; i++) {
      const a = w[i - 15], b = w[i - 2];
      const s0 = turn(a, 7) ^ turn(a, 18) ^ (a >>> 3), s1 = turn(b, 17) ^ turn(b, 19) ^ (b >>> 10);
      w[i] = w[i - 16] + s0 + w[i - 7] + s1;
    }
    let [a, b, c, d, e, f, g, h] = hash;
    for (let i = 0; i < 64; i++) {
      const s1 = turn(e, 6) ^ turn(e, 11) ^ turn(e, 25), s0 = turn(a, 2) ^ turn(a, 13) ^ turn(a, 22);
      const t1 = (h + s1 + ((e & f) ^ (~e & g)) + constants[i] + w[i]) | 0;
      const t2 = (s0 + ((a & b) ^ (a & c) ^ (b & c))) | 0;
      [h, g, f, e, d, c, b, a] = [g, f, e, (d + t1) | 0, c, b, a, (t1 + t2) | 0];
    }
    [a, b, c, d, e, f, g, h].forEach((value, i) => (hash[i] += value));
  }
  return Array.from(hash, (value) => value.toString(16).padStart(8, "0")).join("");
}
