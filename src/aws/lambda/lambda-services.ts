/** What Lambda's operations stand on. */
import type { Concurrency } from "../../control-plane/concurrency/concurrency.ts";
import type { Functions } from "../../control-plane/functions/functions.ts";
import type { FunctionPolicies } from "../../control-plane/policies/function-policies.ts";
import type { Frontend } from "../../data-plane/frontend/contract.ts";
import type { Provisioning } from "../../data-plane/scaling/contract.ts";
import type { CodeLinks } from "./code-links.ts";
import type { HostAbilities } from "./function-settings.ts";

export interface LambdaServices {
  readonly functions: Functions;
  readonly concurrency: Concurrency;
  readonly frontend: Frontend;
  readonly provisioning: Provisioning;
  readonly host: HostAbilities;
  readonly codeLinks: CodeLinks;
  readonly policies: FunctionPolicies;
}
