/** The engine's own errors, beside `UnavailableError` and the RangeError of a bound. */

/** The queue behind a handle is gone; whoever holds the handle should let go of it. */
export class QueueRemovedError extends Error {
  constructor() {
    super("the queue was removed");
    this.name = "QueueRemovedError";
  }
}

/**
 * A data directory, archive or stored file that cannot be used: in use, of another schema, foreign or damaged. The text
 * is for the person who runs Hearth and says what to do.
 */
export class DataDirectoryError extends Error {
  constructor(message: string, options?: ErrorOptions) {
    super(message, options);
    this.name = "DataDirectoryError";
  }
}

/** Another process has the data directory open. */
export class DirectoryInUseError extends DataDirectoryError {
  constructor(message: string, options?: ErrorOptions) {
    super(message, options);
    this.name = "DirectoryInUseError";
  }
}
