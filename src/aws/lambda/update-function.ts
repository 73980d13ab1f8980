/** UpdateFunctionCode and UpdateFunctionConfiguration. */
import type {
  FunctionConfiguration,
  UpdateFunctionCodeRequest,
  UpdateFunctionConfigurationRequest,
} from "@aws-sdk/client-lambda";
import { functionArn } from "../../core/function-record.ts";
import type { Handler } from "../service.ts";
import { showFunction } from "./function-configuration.ts";
import { latestFunctionNamed } from "./function-name.ts";
import { requireRole } from "./function-role.ts";
import { architectureOf, changesOf, zipOf } from "./function-settings.ts";
import type { LambdaServices } from "./lambda-services.ts";
import { invalidParameter } from "./refusals.ts";
import { refuseUnsupportedSettings } from "./unsupported.ts";
import { refusePublishTo } from "./versions.ts";

export function updateFunctionCode({
  functions,
  codeSigning,
  host,
}: LambdaServices): Handler<UpdateFunctionCodeRequest, FunctionConfiguration> {
  return async (request, context) => {
    const { scope } = context;
    const name = latestFunctionNamed(context, "UpdateFunctionCode", request.FunctionName);
    const { FunctionName: _name, Architectures, Publish, PublishTo, DryRun, RevisionId, ...code } = request;
    // An unknown function is that, whatever else is wrong.
    const { codeSigningConfigArn } = await functions.get(scope, name);
    refusePublishTo({ PublishTo });
    const architecture = architectureOf(Architectures, host);
    if (code.ImageUri !== undefined) {
      throw invalidParameter("Please don't provide ImageUri when updating a function with packageType Zip.");
    }
    const zip = zipOf(code);
    const signing = await codeSigning.judge(scope, codeSigningConfigArn, zip, functionArn(scope, name));
    const { latest, published } = await functions.updateCode(scope, name, {
      zip,
      signing,
      dryRun: DryRun === true,
      publish: Publish === true,
      ...(architecture === undefined ? {} : { architecture }),
      ...(RevisionId === undefined ? {} : { revisionId: RevisionId }),
    });
    return published === undefined
      ? showFunction(latest, { scope, host })
      : showFunction(published, { scope, host, qualifier: published.version });
  };
}

export function updateFunctionConfiguration({
  functions,
  codeSigning,
  host,
  roles,
}: LambdaServices): Handler<UpdateFunctionConfigurationRequest, FunctionConfiguration> {
  return async (request, context) => {
    const { scope } = context;
    const name = latestFunctionNamed(context, "UpdateFunctionConfiguration", request.FunctionName);
    // An unknown function is that, whatever else is wrong.
    const { codeSigningConfigArn } = await functions.get(scope, name);
    await requireRole(roles, scope, request.Role);
    const layers =
      request.Layers === undefined ? {} : { layers: await functions.layers.resolve(scope, request.Layers) };
    await codeSigning.judgeLayers(scope, codeSigningConfigArn, layers.layers ?? []);
    const { latest } = await functions.updateConfiguration(scope, name, request.RevisionId, (current) => {
      const changes = { ...changesOf(request, current, host), ...layers };
      refuseUnsupportedSettings(request);
      return changes;
    });
    return showFunction(latest, { scope, host });
  };
}
