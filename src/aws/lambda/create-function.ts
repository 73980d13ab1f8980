/** https://docs.aws.amazon.com/lambda/latest/api/API_CreateFunction.html */
import type { CreateFunctionRequest, FunctionConfiguration } from "@aws-sdk/client-lambda";
import { requireTags } from "../../control-plane/tags.ts";
import type { Handler } from "../service.ts";
import { showFunction } from "./function-configuration.ts";
import { unqualifiedFunctionNamed } from "./function-name.ts";
import { requireRole } from "./function-role.ts";
import { settingsOfNew, zipOf } from "./function-settings.ts";
import type { LambdaServices } from "./lambda-services.ts";
import { validationError } from "./refusals.ts";
import { refuseUnsupportedSettings } from "./unsupported.ts";
import { refusePublishTo } from "./versions.ts";

/** Of a bare name; the service model bounds ARNs only. */
const nameLengthMax = 64;

export function createFunction({
  functions,
  codeSigning,
  host,
  roles,
}: LambdaServices): Handler<CreateFunctionRequest, FunctionConfiguration> {
  return async (request, context) => {
    const name = unqualifiedFunctionNamed(context, "CreateFunction", request.FunctionName);
    if (name.length > nameLengthMax) {
      const constraint = `Member must have length less than or equal to ${nameLengthMax}`;
      throw validationError(request.FunctionName ?? "", "functionName", constraint);
    }
    // First, since an image has neither runtime nor handler.
    refuseUnsupportedSettings(request);
    const settings = settingsOfNew(context.scope, name, request, host);
    refusePublishTo(request);
    const { scope } = context;
    await requireRole(roles, scope, settings.role);
    const layers = await functions.layers.resolve(scope, request.Layers ?? []);
    const zip = zipOf(request.Code);
    const tags = request.Tags ?? {};
    requireTags(tags);
    const codeSigningConfigArn = request.CodeSigningConfigArn;
    const signing = await codeSigning.judge(scope, codeSigningConfigArn, zip, name);
    await codeSigning.judgeLayers(scope, codeSigningConfigArn, layers);
    const publish = request.Publish === true;
    const { latest, published } = await functions.create({
      scope,
      name,
      settings: { ...settings, layers },
      tags,
      zip,
      signing,
      ...(codeSigningConfigArn === undefined ? {} : { codeSigningConfigArn }),
      publish,
    });
    // As AWS does: the version, under the function's own ARN.
    return showFunction(published ?? latest, { scope, host });
  };
}
