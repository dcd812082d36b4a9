/** Named events with one typed payload each. A listener that throws does not stop the others. */
export class Emitter<Events extends object> {
  readonly #listeners = new Map<keyof Events, Set<(payload: never) => void>>();

  /** Listens to one event; the answer takes the listener off again. */
  on<Name extends keyof Events>(name: Name, listener: (payload: Events[Name]) => void): () => void {
    const listeners = this.#listeners.get(name) ?? new Set();
    this.#listeners.set(name, listeners);
    listeners.add(listener);
    return () => {
      listeners.delete(listener);
    };
  }

  /** Tells all listeners of one event. */
  emit<Name extends keyof Events>(name: Name, payload: Events[Name]): void {
    for (const listener of [...(this.#listeners.get(name) ?? [])]) {
      try {
        (listener as (payload: Events[Name]) => void)(payload);
      } catch (error) {
        // A bug of the page must be seen in its console, not break the protocol.
        queueMicrotask(() => {
          throw error;
        });
      }
    }
  }

  /** Takes all listeners off. */
  clear(): void {
    this.#listeners.clear();
  }
}

/** A value that can be watched; the shape fits React's `useSyncExternalStore`. */
export class Store<State extends object> {
  #state: State;
  readonly #changes = new Emitter<{ change: undefined }>();

  constructor(initial: State) {
    this.#state = initial;
  }

  /** The present value; the same object until something changes. */
  readonly getState = (): State => this.#state;

  /** Calls back after each change; the answer ends that. */
  readonly subscribe = (listener: () => void): (() => void) => this.#changes.on("change", listener);

  /** Changes some fields; without a difference nobody is told. */
  update(fields: Partial<State>): void {
    const names = Object.keys(fields) as (keyof State)[];
    if (names.every((name) => Object.is(this.#state[name], fields[name]))) return;
    this.#state = { ...this.#state, ...fields };
    this.#changes.emit("change", undefined);
  }

  /** Takes all listeners off. */
  clear(): void {
    this.#changes.clear();
  }
}
