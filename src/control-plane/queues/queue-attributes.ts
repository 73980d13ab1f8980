/**
 * A queue's attributes as the API writes them: text by name, read into settings and printed from them.
 * https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_SetQueueAttributes.html
 */
import type { FifoSettings, QueueRef, QueueSettings } from "./queue-record.ts";
import { parseQueuePolicy } from "./queue-policy.ts";
import { parseRedriveAllowPolicy, parseRedrivePolicy } from "./redrive-policy.ts";
import { invalidAttribute, invalidAttributeName, invalidParameter, unknownAttribute } from "./refusals.ts";

export type Attributes = Readonly<Record<string, string>>;

const defaultFifoSettings: FifoSettings = {
  contentBasedDeduplication: false,
  deduplicationScope: "queue",
  throughputLimit: "perQueue",
};

export function defaultSettings(isFifo: boolean): QueueSettings {
  return {
    delaySeconds: 0,
    messageBytesMax: 1_048_576,
    retentionSeconds: 345_600,
    receiveWaitSeconds: 0,
    visibilitySeconds: 30,
    ...(isFifo ? { fifo: defaultFifoSettings } : {}),
    kmsDataKeyReuseSeconds: 300,
    isSqsManagedSseEnabled: true,
  };
}

type Reader = (settings: QueueSettings, text: string, queue: QueueRef) => QueueSettings;

type NumberSetting =
  | "delaySeconds"
  | "messageBytesMax"
  | "retentionSeconds"
  | "receiveWaitSeconds"
  | "visibilitySeconds"
  | "kmsDataKeyReuseSeconds";

function numberReader(name: string, setting: NumberSetting, min: number, max: number): Reader {
  return (settings, text) => {
    const value = /^\d{1,9}$/.test(text) ? Number(text) : Number.NaN;
    if (!(value >= min && value <= max)) throw invalidAttribute(name);
    return { ...settings, [setting]: value };
  };
}

/** The settings without one of them. */
function without(settings: QueueSettings, setting: keyof QueueSettings): QueueSettings {
  return Object.fromEntries(Object.entries(settings).filter(([name]) => name !== setting)) as unknown as QueueSettings;
}

function booleanOf(name: string, text: string): boolean {
  const lower = text.toLowerCase();
  if (lower !== "true" && lower !== "false") throw invalidAttribute(name);
  return lower === "true";
}

function fifoReader(name: string, read: (fifo: FifoSettings, text: string) => FifoSettings, refusal?: string): Reader {
  return (settings, text) => {
    if (settings.fifo === undefined)
      throw refusal === undefined ? unknownAttribute(name) : invalidAttributeName(refusal);
    return { ...settings, fifo: read(settings.fifo, text) };
  };
}

function choiceOf<Choice extends string>(name: string, text: string, choices: readonly Choice[]): Choice {
  const choice = choices.find((each) => each === text);
  if (choice === undefined) throw invalidAttribute(name);
  return choice;
}

const readers: Readonly<Record<string, Reader>> = {
  DelaySeconds: numberReader("DelaySeconds", "delaySeconds", 0, 900),
  MaximumMessageSize: numberReader("MaximumMessageSize", "messageBytesMax", 1024, 1_048_576),
  MessageRetentionPeriod: numberReader("MessageRetentionPeriod", "retentionSeconds", 60, 1_209_600),
  ReceiveMessageWaitTimeSeconds: numberReader("ReceiveMessageWaitTimeSeconds", "receiveWaitSeconds", 0, 20),
  VisibilityTimeout: numberReader("VisibilityTimeout", "visibilitySeconds", 0, 43_200),
  KmsDataKeyReusePeriodSeconds: numberReader("KmsDataKeyReusePeriodSeconds", "kmsDataKeyReuseSeconds", 60, 86_400),
  KmsMasterKeyId(settings, text) {
    if (text === "") return without(settings, "kmsMasterKeyId");
    return { ...settings, kmsMasterKeyId: text, isSqsManagedSseEnabled: false };
  },
  SqsManagedSseEnabled(settings, text) {
    const isEnabled = booleanOf("SqsManagedSseEnabled", text);
    return { ...(isEnabled ? without(settings, "kmsMasterKeyId") : settings), isSqsManagedSseEnabled: isEnabled };
  },
  Policy(settings, text, queue) {
    if (text === "") return without(settings, "policy");
    parseQueuePolicy(text, queue);
    return { ...settings, policy: text };
  },
  RedrivePolicy(settings, text, queue) {
    if (text === "") return without(settings, "redrivePolicy");
    return { ...settings, redrivePolicy: parseRedrivePolicy(text, queue) };
  },
  RedriveAllowPolicy(settings, text) {
    if (text === "") return without(settings, "redriveAllowPolicy");
    return { ...settings, redriveAllowPolicy: parseRedriveAllowPolicy(text) };
  },
  FifoQueue(settings, text) {
    if (settings.fifo === undefined) throw unknownAttribute("FifoQueue");
    if (!booleanOf("FifoQueue", text)) throw invalidAttribute("FifoQueue", "Modifying queue type is not supported.");
    return settings;
  },
  ContentBasedDeduplication: fifoReader("ContentBasedDeduplication", (fifo, text) => ({
    ...fifo,
    contentBasedDeduplication: booleanOf("ContentBasedDeduplication", text),
  })),
  DeduplicationScope: fifoReader(
    "DeduplicationScope",
    (fifo, text) => ({
      ...fifo,
      deduplicationScope: choiceOf("DeduplicationScope", text, ["queue", "messageGroup"]),
    }),
    "You can specify the DeduplicationScope only when FifoQueue is set to true.",
  ),
  FifoThroughputLimit: fifoReader(
    "FifoThroughputLimit",
    (fifo, text) => ({
      ...fifo,
      throughputLimit: choiceOf("FifoThroughputLimit", text, ["perQueue", "perMessageGroupId"]),
    }),
    "You can specify the FifoThroughputLimit only when FifoQueue is set to true.",
  ),
};

/** The settings after a change of some attributes. Throws SQS's refusal of the first that cannot be so. */
export function withAttributes(settings: QueueSettings, attributes: Attributes, queue: QueueRef): QueueSettings {
  let changed = settings;
  for (const [name, text] of Object.entries(attributes)) {
    const read = Object.hasOwn(readers, name) ? readers[name] : undefined;
    if (read === undefined) throw unknownAttribute(name);
    changed = read(changed, text, queue);
  }
  const { KmsMasterKeyId = "", SqsManagedSseEnabled = "" } = attributes;
  if (KmsMasterKeyId !== "" && SqsManagedSseEnabled.toLowerCase() === "true") {
    throw invalidAttributeName(
      "You can use one type of server-side encryption (SSE) at one time. " +
        "You can either enable KMS SSE or SQS SSE.",
    );
  }
  if (changed.fifo?.throughputLimit === "perMessageGroupId" && changed.fifo.deduplicationScope !== "messageGroup") {
    throw invalidParameter(
      "The perMessageGroupId value is allowed only when the value for DeduplicationScope is messageGroup.",
    );
  }
  return changed;
}

/** What of a queue its settings alone tell; what is not set is absent. */
export function printSettings(settings: QueueSettings): Attributes {
  const { fifo, policy, redrivePolicy, redriveAllowPolicy, kmsMasterKeyId } = settings;
  return {
    VisibilityTimeout: String(settings.visibilitySeconds),
    MaximumMessageSize: String(settings.messageBytesMax),
    MessageRetentionPeriod: String(settings.retentionSeconds),
    DelaySeconds: String(settings.delaySeconds),
    ReceiveMessageWaitTimeSeconds: String(settings.receiveWaitSeconds),
    ...(policy === undefined ? {} : { Policy: policy }),
    ...(redrivePolicy === undefined ? {} : { RedrivePolicy: JSON.stringify(redrivePolicy) }),
    ...(redriveAllowPolicy === undefined ? {} : { RedriveAllowPolicy: JSON.stringify(redriveAllowPolicy) }),
    ...(fifo === undefined
      ? {}
      : {
          FifoQueue: "true",
          ContentBasedDeduplication: String(fifo.contentBasedDeduplication),
          DeduplicationScope: fifo.deduplicationScope,
          FifoThroughputLimit: fifo.throughputLimit,
        }),
    ...(kmsMasterKeyId === undefined
      ? {}
      : {
          KmsMasterKeyId: kmsMasterKeyId,
          KmsDataKeyReusePeriodSeconds: String(settings.kmsDataKeyReuseSeconds),
        }),
    SqsManagedSseEnabled: String(settings.isSqsManagedSseEnabled),
  };
}

/** The first of the given attributes that differs between two settings. */
export function differingAttribute(
  given: Attributes,
  wanted: QueueSettings,
  actual: QueueSettings,
): string | undefined {
  const [wantedTexts, actualTexts] = [printSettings(wanted), printSettings(actual)];
  return Object.keys(given).find((name) => wantedTexts[name] !== actualTexts[name]);
}
