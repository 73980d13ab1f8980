/** Whether a function may run as the role that a request names, where the owner wants that checked (`checkRoles`). */
import type { ApiError } from "../../core/errors.ts";
import type { Scope } from "../../core/identity.ts";

export interface FunctionRoles {
  /** Why Lambda cannot assume the role; undefined when it can. */
  lambdaRoleProblem(scope: Scope, roleArn: string): Promise<ApiError | undefined>;
}

/** Without `roles` a role is a name, and any will do. */
export async function requireRole(
  roles: FunctionRoles | undefined,
  scope: Scope,
  arn: string | undefined,
): Promise<void> {
  const problem = arn === undefined ? undefined : await roles?.lambdaRoleProblem(scope, arn);
  if (problem !== undefined) throw problem;
}
