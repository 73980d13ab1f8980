/** What all batches have in common: their bounds, the ids of their entries, and the entries that fail alone. */
import type { BatchResultErrorEntry } from "@aws-sdk/client-sqs";
import { ApiError } from "../../core/errors.ts";
import { sqsFacts } from "../models.ts";

const entriesMax = 10;
const idPattern = /^[a-zA-Z0-9_-]{1,80}$/;

/** Throws when the batch as a whole cannot be one. `entryName` is what AWS calls an entry. */
export function requireBatch<Entry extends { readonly Id: string | undefined }>(
  entries: readonly Entry[] | undefined,
  entryName: string,
): readonly (Entry & { readonly Id: string })[] {
  const given = entries ?? [];
  if (given.length === 0) {
    throw new ApiError("EmptyBatchRequest", `There should be at least one ${entryName} in the request.`);
  }
  if (given.length > entriesMax) {
    throw new ApiError(
      "TooManyEntriesInBatchRequest",
      `Maximum number of entries per request are ${entriesMax}. You have sent ${given.length}.`,
    );
  }
  const seen = new Set<string>();
  for (const { Id: id = "" } of given) {
    if (!idPattern.test(id)) {
      throw new ApiError(
        "InvalidBatchEntryId",
        "A batch entry id can only contain alphanumeric characters, hyphens and underscores. " +
          "It can be at most 80 letters long.",
      );
    }
    if (seen.has(id)) throw new ApiError("BatchEntryIdsNotDistinct", `Id ${id} repeated.`);
    seen.add(id);
  }
  return given as readonly (Entry & { readonly Id: string })[];
}

/** An entry that failed alone. What is no refusal fails the whole batch. */
export function failedEntry(id: string, error: unknown): BatchResultErrorEntry {
  if (!(error instanceof ApiError)) throw error;
  const { code, message } = error;
  return { Id: id, SenderFault: true, Code: sqsFacts.queryCodes?.[code] ?? code, Message: message };
}
