/**
 * Create, Get, List, Update and DeleteEventSourceMapping.
 * https://docs.aws.amazon.com/lambda/latest/api/API_CreateEventSourceMapping.html
 */
import type {
  CreateEventSourceMappingRequest,
  DeleteEventSourceMappingRequest,
  EventSourceMappingConfiguration,
  GetEventSourceMappingRequest,
  ListEventSourceMappingsRequest,
  ListEventSourceMappingsResponse,
  UpdateEventSourceMappingRequest,
} from "@aws-sdk/client-lambda";
import type { MappingTarget } from "../../control-plane/event-source-mappings/event-source-mappings.ts";
import { eventSourceOf, type EventSource } from "../../control-plane/event-source-mappings/event-sources.ts";
import type { CallContext, Handler } from "../service.ts";
import { functionNamed } from "./function-name.ts";
import type { LambdaServices } from "./lambda-services.ts";
import { unsupportedDestination } from "./mapping-parameters.ts";
import { settingsOfChangedMapping, settingsOfNewMapping } from "./mapping-settings.ts";
import { showMapping } from "./mapping-view.ts";
import { pageOf, placeOfMarker } from "./page-marker.ts";
import { invalidParameter } from "./refusals.ts";

/** Mappings in one answer, whatever MaxItems asks for. */
const pageItemsMax = 100;

export function createEventSourceMapping({
  eventSourceMappings,
}: LambdaServices): Handler<CreateEventSourceMappingRequest, EventSourceMappingConfiguration> {
  return async (request, context) => {
    const target = targetOf(context, "CreateEventSourceMapping", request.FunctionName);
    if (request.DestinationConfig?.OnSuccess !== undefined) throw unsupportedDestination();
    const source = sourceOf(request, context);
    const record = await eventSourceMappings.create(context.scope, {
      target,
      source,
      settingsOf: settingsOfNewMapping(source, request),
      enabled: request.Enabled ?? true,
      tags: request.Tags ?? {},
    });
    return showMapping(record);
  };
}

export function getEventSourceMapping({
  eventSourceMappings,
}: LambdaServices): Handler<GetEventSourceMappingRequest, EventSourceMappingConfiguration> {
  return async ({ UUID = "" }, { scope }) => showMapping(await eventSourceMappings.get(scope, UUID));
}

export function updateEventSourceMapping({
  eventSourceMappings,
}: LambdaServices): Handler<UpdateEventSourceMappingRequest, EventSourceMappingConfiguration> {
  return async (request, context) => {
    const { UUID = "", FunctionName, Enabled } = request;
    const record = await eventSourceMappings.update(context.scope, UUID, {
      ...(FunctionName === undefined ? {} : { target: targetOf(context, "UpdateEventSourceMapping", FunctionName) }),
      ...(Enabled === undefined ? {} : { enabled: Enabled }),
      settingsOf: ({ source, settings }) => settingsOfChangedMapping(source, settings, request),
    });
    return showMapping(record);
  };
}

export function deleteEventSourceMapping({
  eventSourceMappings,
}: LambdaServices): Handler<DeleteEventSourceMappingRequest, EventSourceMappingConfiguration> {
  return async ({ UUID = "" }, { scope }) => showMapping(await eventSourceMappings.delete(scope, UUID));
}

export function listEventSourceMappings({
  eventSourceMappings,
}: LambdaServices): Handler<ListEventSourceMappingsRequest, ListEventSourceMappingsResponse> {
  return async ({ FunctionName, EventSourceArn, Marker, MaxItems }, context) => {
    const limit = Math.min(MaxItems ?? pageItemsMax, pageItemsMax);
    const filter = {
      ...(FunctionName === undefined ? {} : { target: targetOf(context, "ListEventSourceMappings", FunctionName) }),
      ...(EventSourceArn === undefined ? {} : { sourceArn: EventSourceArn }),
    };
    const records = await eventSourceMappings.list(context.scope, filter, {
      limit: limit + 1,
      ...(Marker === undefined ? {} : { after: placeOfMarker(Marker) }),
    });
    const { shown, next } = pageOf(records, limit, ({ uuid }) => uuid);
    return { EventSourceMappings: shown.map(showMapping), ...next };
  };
}

function targetOf(context: CallContext, operation: string, functionName: string | undefined): MappingTarget {
  return functionNamed(context, operation, functionName);
}

function sourceOf(
  { EventSourceArn, SelfManagedEventSource }: CreateEventSourceMappingRequest,
  { scope }: CallContext,
): EventSource {
  const bootstrapServers = SelfManagedEventSource?.Endpoints?.KAFKA_BOOTSTRAP_SERVERS;
  const source = EventSourceArn === undefined ? undefined : eventSourceOf(EventSourceArn);
  if (SelfManagedEventSource !== undefined && EventSourceArn === undefined && bootstrapServers !== undefined) {
    return { kind: "self-managed-kafka", bootstrapServers };
  }
  if (source === undefined) throw invalidParameter("Unrecognized event source.");
  const region = EventSourceArn?.split(":")[3];
  if (region !== scope.region) {
    throw invalidParameter(`Event source ${EventSourceArn} is not in the region of the function ('${scope.region}').`);
  }
  return source;
}
