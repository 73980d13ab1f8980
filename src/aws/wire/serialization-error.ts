/**
 * A request that does not have the form its model asks for. `isMalformed`: the body is no document at all (not JSON, not
 * XML); otherwise a value in it has the wrong type. Answered with status 400 in the service's own words.
 */
export class SerializationError extends Error {
  readonly isMalformed: boolean;

  constructor(message: string, options: { readonly isMalformed?: boolean } = {}) {
    super(message);
    this.name = "SerializationError";
    this.isMalformed = options.isMalformed ?? false;
  }
}
