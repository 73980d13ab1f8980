/**
 * The body of an answer that streams events: frames as the handler yields them, an exception frame when it fails.
 */
import type { PayloadCodec } from "./event-stream.ts";
import { encodeErrorFrame, encodeEvent, encodeExceptionFrame, encodeInitialResponse } from "./event-stream.ts";
import type { EncodeOptions } from "./protocol.ts";
import type { Member, StructureShape } from "./shapes.ts";
import { isStructure } from "./shapes.ts";
import { errorMembers } from "./wire-error.ts";

export interface StreamAnswer {
  readonly member: Member;
  readonly events: AsyncIterable<Readonly<Record<string, unknown>>>;
  /** The other members, which RPC protocols send as the first event. */
  readonly initial?: { readonly shape: StructureShape; readonly output: Readonly<Record<string, unknown>> };
}

export async function* streamFrames(
  { member, events, initial }: StreamAnswer,
  codec: PayloadCodec,
  options: EncodeOptions,
): AsyncGenerator<Uint8Array> {
  if (!isStructure(member.shape)) throw new TypeError(`${member.name} is a union of events`);
  if (initial !== undefined) {
    yield encodeInitialResponse(codec.encode(initial.shape, initial.output), codec.contentType);
  }
  try {
    for await (const event of events) yield encodeEvent(member.shape, event, codec);
  } catch (error) {
    const failure = options.describeError(error);
    const known = member.shape.members.find(
      ({ shape }) => isStructure(shape) && failure.shape !== undefined && shape.name === failure.shape.shape.name,
    );
    yield known === undefined
      ? encodeErrorFrame(failure.code, failure.message)
      : encodeExceptionFrame(known.name, codec.encode(known.shape, errorMembers(failure)), codec.contentType);
  }
}
