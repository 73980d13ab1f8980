/**
 * From what a caller permits to the statement that AWS makes of it.
 * https://docs.aws.amazon.com/lambda/latest/api/API_AddPermission.html
 */
import type { Conditions, PolicyStatement, Principal } from "./policy-document.ts";
import { invalidPrincipal } from "./refusals.ts";

export interface Permission {
  readonly statementId: string;
  /** Such as `lambda:InvokeFunction`. */
  readonly action: string;
  /** An account, an ARN of IAM, a service such as `s3.amazonaws.com`, an organization's `*`. */
  readonly principal: string;
  readonly sourceArn?: string | undefined;
  readonly sourceAccount?: string | undefined;
  readonly eventSourceToken?: string | undefined;
  readonly organizationId?: string | undefined;
  readonly functionUrlAuthType?: string | undefined;
  readonly invokedViaFunctionUrl?: boolean | undefined;
}

/** Throws AWS's refusal of a principal that is none. */
export function statementOf(permission: Permission, resourceArn: string): PolicyStatement & { readonly Sid: string } {
  const conditions = conditionsOf(permission);
  return {
    Sid: permission.statementId,
    Effect: "Allow",
    Principal: principalOf(permission.principal),
    Action: permission.action,
    Resource: resourceArn,
    ...(Object.keys(conditions).length === 0 ? {} : { Condition: conditions }),
  };
}

const accountPattern = /^\d{12}$/;
/** `sns.amazonaws.com`, `s3.amazonaws.com.cn`, `alexa-appkit.amazon.com`; the bare domain is no service. */
const servicePattern = /^[a-z0-9-]+(?:\.[a-z0-9-]+)*\.(?:amazonaws|amazon)\.com(?:\.cn)?$/;
const identityPattern =
  /^arn:aws[a-zA-Z-]*:(?:iam::\d{12}:(?:root|(?:user|role)\/[\w+=,.@/-]+)|sts::\d{12}:(?:assumed-role|federated-user)\/[\w+=,.@/-]+)$/;

/** An account is printed as its root. */
export function principalOf(text: string): Principal {
  if (text === "*") return "*";
  if (accountPattern.test(text)) return { AWS: `arn:aws:iam::${text}:root` };
  if (identityPattern.test(text)) return { AWS: text };
  if (servicePattern.test(text)) return { Service: text };
  throw invalidPrincipal();
}

function conditionsOf(permission: Permission): Conditions {
  const equals = present({
    "AWS:SourceAccount": permission.sourceAccount,
    "lambda:EventSourceToken": permission.eventSourceToken,
    "lambda:FunctionUrlAuthType": permission.functionUrlAuthType,
    "aws:PrincipalOrgID": permission.organizationId,
  });
  const via = present({ "lambda:InvokedViaFunctionUrl": permission.invokedViaFunctionUrl?.toString() });
  const arns = present({ "AWS:SourceArn": permission.sourceArn });
  return {
    ...(equals === undefined ? {} : { StringEquals: equals }),
    ...(via === undefined ? {} : { Bool: via }),
    ...(arns === undefined ? {} : { ArnLike: arns }),
  };
}

/** Undefined when none of the values is there. */
function present(values: Readonly<Record<string, string | undefined>>): Readonly<Record<string, string>> | undefined {
  const entries = Object.entries(values).filter((entry): entry is [string, string] => entry[1] !== undefined);
  return entries.length === 0 ? undefined : Object.fromEntries(entries);
}
