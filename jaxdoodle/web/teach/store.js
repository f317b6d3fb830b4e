// What has been taught, kept by the browser over a reload: IndexedDB, one database for each place of the page.
const SAMPLES = "samples", OTHER = "other";
const PATIENCE = 1000; // milliseconds to wait for a page of the same place to be gone

const reply = (request) =>
  new Promise((done, failed) => {
    request.onsuccess = () => done(request.result);
    request.onerror = () => failed(request.error);
  });

// A promise of whether this page alone keeps what is taught, from now on until it is closed. A page that is left may hold
// on for a moment. Where the browser has no locks, it may.
function alone(name) {
  if (!navigator.locks) return true;
  return new Promise((answer) => {
    const forever = () => {
      answer(true);
      return new Promise(() => {});
    };
    const patience = new AbortController();
    setTimeout(() => patience.abort(), PATIENCE);
    navigator.locks.request(name, { signal: patience.signal }, forever).catch((fault) => answer(fault.name !== "AbortError"));
  });
}

// Another page of the same place, in another tab, keeps what is taught.
export class TakenError extends Error {}

export class Store {
  #database;

  // Throws where the browser keeps nothing, and TakenError where another page keeps: each would lose the other's.
  static async open(place) {
    const name = `jaxdoodle ${place}`, request = indexedDB.open(name, 1);
    request.onupgradeneeded = () => {
      request.result.createObjectStore(SAMPLES, { keyPath: "id" });
      request.result.createObjectStore(OTHER);
    };
    const store = new Store();
    store.#database = await reply(request);
    if (!(await alone(name))) throw new TakenError();
    return store;
  }

  #in(names, mode) {
    const transaction = this.#database.transaction(names, mode);
    return { transaction, stores: names.map((name) => transaction.objectStore(name)) };
  }

  // { classes, samples, drawer, choices, begun } as they were kept last.
  async load() {
    const { stores: [samples, other] } = this.#in([SAMPLES, OTHER], "readonly");
    const asked = [samples.getAll(), ...["classes", "drawer", "choices", "begun"].map((name) => other.get(name))];
    const [all, classes = [], drawer = "", choices = {}, begun = null] = await Promise.all(asked.map(reply));
    return { samples: all, classes, drawer, choices, begun };
  }

  // Remembers what the page began with, so that it is not added again.
  begin(id) {
    return reply(this.#in([OTHER], "readwrite").stores[0].put(id, "begun"));
  }

  // Keeps a change of a project, as its event has it, who draws, and the choices { mirror, deep }.
  async keep({ add = [], move = [], remove = [] }, { classes }, drawer, choices) {
    const { transaction, stores: [samples, other] } = this.#in([SAMPLES, OTHER], "readwrite");
    for (const sample of [...add, ...move]) samples.put(sample);
    for (const { id } of remove) samples.delete(id);
    other.put(classes, "classes");
    other.put(drawer, "drawer");
    other.put(choices, "choices");
    await new Promise((done, failed) => {
      transaction.oncomplete = done;
      transaction.onabort = transaction.onerror = () => failed(transaction.error);
    });
  }
}
