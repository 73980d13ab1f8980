/**
 * PublishVersion and ListVersionsByFunction.
 * https://docs.aws.amazon.com/lambda/latest/dg/configuration-versions.html
 */
import type {
  FunctionConfiguration,
  ListVersionsByFunctionRequest,
  ListVersionsByFunctionResponse,
  PublishVersionRequest,
} from "@aws-sdk/client-lambda";
import { latestVersion } from "../../core/function-record.ts";
import type { Handler } from "../service.ts";
import { showFunction, showListed } from "./function-configuration.ts";
import { latestFunctionNamed, unqualifiedFunctionNamed } from "./function-name.ts";
import type { LambdaServices } from "./lambda-services.ts";
import { pageOf, placeOfMarker } from "./page-marker.ts";
import { notSupported } from "./refusals.ts";

/** Versions in one answer, whatever MaxItems asks for. */
const pageItemsMax = 50;

export function publishVersion({
  functions,
  host,
}: LambdaServices): Handler<PublishVersionRequest, FunctionConfiguration> {
  return async (request, context) => {
    const { scope } = context;
    const name = latestFunctionNamed(context, "PublishVersion", request.FunctionName);
    refusePublishTo(request);
    const { CodeSha256, Description, RevisionId } = request;
    const version = await functions.publish(scope, name, {
      ...(CodeSha256 === undefined ? {} : { codeSha256: CodeSha256 }),
      ...(Description === undefined ? {} : { description: Description }),
      ...(RevisionId === undefined ? {} : { revisionId: RevisionId }),
    });
    return showFunction(version, { scope, host, qualifier: version.version });
  };
}

export function listVersionsByFunction({
  functions,
  host,
}: LambdaServices): Handler<ListVersionsByFunctionRequest, ListVersionsByFunctionResponse> {
  return async ({ FunctionName, Marker, MaxItems }, context) => {
    const { scope } = context;
    const name = unqualifiedFunctionNamed(context, "ListVersionsByFunction", FunctionName);
    const { latest } = await functions.get(scope, name);
    const limit = Math.min(MaxItems ?? pageItemsMax, pageItemsMax);
    const after = Marker === undefined ? undefined : placeOfMarker(Marker);
    const first = after === undefined ? [latest] : [];
    const published = await functions.versions.list(scope, name, {
      limit: limit + 1 - first.length,
      ...(after === undefined || after === latestVersion ? {} : { after }),
    });
    const { shown, next } = pageOf([...first, ...published], limit, ({ version }) => version);
    return {
      Versions: shown.map((version) => showListed(version, { scope, host, qualifier: version.version })),
      ...next,
    };
  };
}

/** Only functions of a capacity provider publish to anything but a number. */
export function refusePublishTo({ PublishTo }: Pick<PublishVersionRequest, "PublishTo">): void {
  if (PublishTo !== undefined) throw notSupported("PublishTo", "there are no capacity providers.");
}
