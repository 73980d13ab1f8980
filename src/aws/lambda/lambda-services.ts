/** What Lambda's operations stand on. */
import type { Concurrency } from "../../control-plane/concurrency/concurrency.ts";
import type { EventInvokeConfigs } from "../../control-plane/event-invoke/event-invoke-configs.ts";
import type { EventSourceMappings } from "../../control-plane/event-source-mappings/event-source-mappings.ts";
import type { FunctionUrls } from "../../control-plane/function-urls/function-urls.ts";
import type { CodeSigning } from "../../control-plane/code-signing/code-signing.ts";
import type { Functions } from "../../control-plane/functions/functions.ts";
import type { FunctionPolicies } from "../../control-plane/policies/function-policies.ts";
import type { RuntimeManagement } from "../../control-plane/runtime-management/runtime-management.ts";
import type { Frontend } from "../../data-plane/frontend/contract.ts";
import type { Provisioning } from "../../data-plane/scaling/contract.ts";
import type { EventQueues } from "../../events/event-queues.ts";
import type { CallerRates } from "./caller-rates.ts";
import type { CodeLinks } from "./code-links.ts";
import type { FunctionRoles } from "./function-role.ts";
import type { HostAbilities } from "./function-settings.ts";

export interface LambdaServices {
  readonly functions: Functions;
  readonly concurrency: Concurrency;
  readonly callerRates: CallerRates;
  readonly frontend: Frontend;
  readonly provisioning: Provisioning;
  readonly host: HostAbilities;
  readonly codeLinks: CodeLinks;
  readonly codeSigning: CodeSigning;
  readonly policies: FunctionPolicies;
  readonly eventInvokeConfigs: EventInvokeConfigs;
  readonly events: EventQueues;
  readonly eventSourceMappings: EventSourceMappings;
  readonly functionUrls: FunctionUrls;
  readonly runtimeManagement: RuntimeManagement;
  /** Only where roles are checked. */
  readonly roles?: FunctionRoles;
}
