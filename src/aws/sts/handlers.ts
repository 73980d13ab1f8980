/**
 * STS: who calls, and temporary credentials for a role or for the account itself.
 * https://docs.aws.amazon.com/STS/latest/APIReference/welcome.html
 *
 * A client is its account's root; a function is a session of its role named like the function, as on Lambda.
 */
import type { GetCallerIdentityCommandInput, GetCallerIdentityCommandOutput } from "@aws-sdk/client-sts";
import { createHash } from "node:crypto";
import { ApiError } from "../../core/errors.ts";
import type { Iam } from "../../control-plane/iam/iam.ts";
import { base32 } from "../../control-plane/iam/unique-id.ts";
import type { Session, Sessions } from "../auth/sessions.ts";
import type { CallContext, Handlers } from "../service.ts";
import { assumeRole } from "./assume-role.ts";
import { getSessionToken } from "./session-token.ts";

export interface StsDependencies {
  /** ARN of the role that an environment's function version runs as; undefined when the environment has ended. */
  readonly roleOf: (environmentId: string) => string | undefined;
  readonly iam: Pick<Iam, "roleOf" | "roles" | "policies">;
  readonly sessions: Pick<Sessions, "issue">;
}

type Identity = Omit<GetCallerIdentityCommandOutput, "$metadata">;

export function createStsHandlers(dependencies: StsDependencies): Handlers {
  const identify = (context: CallContext): Promise<Session> => identityOf(dependencies, context);
  return {
    async GetCallerIdentity(_input: GetCallerIdentityCommandInput, context: CallContext): Promise<Identity> {
      const { account, arn, userId } = await identify(context);
      return { Account: account, Arn: arn, UserId: userId };
    },
    AssumeRole: assumeRole(dependencies, identify),
    GetSessionToken: getSessionToken(dependencies, identify),
  };
}

/**
 * What works only in part; stands in docs/compatibility.md.
 * @public
 */
export const partial: Readonly<Record<string, string>> = {
  AssumeRole:
    "The role's trust policy is obeyed; session policies are checked for grammar only, session tags are checked and not " +
    "passed on, and there are no MFA devices.",
  GetSessionToken: "There are no MFA devices.",
};

/** Who calls. Throws AccessDeniedException for a function that is gone. */
export async function identityOf(
  { roleOf, iam }: Pick<StsDependencies, "roleOf" | "iam">,
  { scope, caller }: CallContext,
): Promise<Session> {
  const { account } = scope;
  if (caller.kind === "session") return caller.session;
  if (caller.kind === "client") return { account, arn: `arn:aws:iam::${account}:root`, userId: account };
  const roleArn = roleOf(caller.environmentId);
  if (roleArn === undefined) {
    throw new ApiError("AccessDeniedException", `The function ${caller.functionArn} does not exist any more.`);
  }
  const roleName = roleArn.slice(roleArn.lastIndexOf("/") + 1);
  const functionName = caller.functionArn.split(":")[6] ?? "";
  const { id } = (await iam.roleOf(roleArn)) ?? { id: standInId(roleArn) };
  return {
    account,
    arn: `arn:aws:sts::${account}:assumed-role/${roleName}/${functionName}`,
    userId: `${id}:${functionName}`,
    roleArn,
  };
}

/** A stable id in the form of a role's, for a role that is only a name: functions may run as one. */
function standInId(roleArn: string): string {
  return `AROA${base32(createHash("sha256").update(roleArn).digest().subarray(0, 17))}`;
}
