/**
 * STS, as far as it says who calls: https://docs.aws.amazon.com/STS/latest/APIReference/API_GetCallerIdentity.html
 * A client is its account's root; a function is a session of its role named like the function, as on Lambda.
 */
import type { GetCallerIdentityCommandInput, GetCallerIdentityCommandOutput } from "@aws-sdk/client-sts";
import { createHash } from "node:crypto";
import { ApiError } from "../../core/errors.ts";
import type { Scope } from "../../core/identity.ts";
import type { CallContext, Handlers } from "../service.ts";

export interface StsDependencies {
  /** ARN of the role that a function runs as; undefined when there is no such function any more. */
  readonly roleOf: (scope: Scope, functionArn: string) => Promise<string | undefined> | string | undefined;
}

type Identity = Omit<GetCallerIdentityCommandOutput, "$metadata">;

export function createStsHandlers({ roleOf }: StsDependencies): Handlers {
  return {
    async GetCallerIdentity(_input: GetCallerIdentityCommandInput, { scope, caller }: CallContext): Promise<Identity> {
      const { account } = scope;
      if (caller.kind === "client") {
        return { Account: account, Arn: `arn:aws:iam::${account}:root`, UserId: account };
      }
      const role = await roleOf(scope, caller.functionArn);
      if (role === undefined) {
        throw new ApiError("AccessDeniedException", `The function ${caller.functionArn} does not exist any more.`);
      }
      const roleName = role.slice(role.lastIndexOf("/") + 1);
      const functionName = caller.functionArn.split(":")[6] ?? "";
      return {
        Account: account,
        Arn: `arn:aws:sts::${account}:assumed-role/${roleName}/${functionName}`,
        UserId: `${roleId(role)}:${functionName}`,
      };
    },
  };
}

/** A stable id in the form of a role's unique id, AROA and 17 letters or digits: roles are names only here. */
function roleId(role: string): string {
  const digits = BigInt(`0x${createHash("sha256").update(role).digest("hex")}`)
    .toString(36)
    .toUpperCase();
  return `AROA${digits.slice(-17)}`;
}
