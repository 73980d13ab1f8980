/** A code signing configuration: whose signatures on code count, and what follows where there is none. */
import type { Scope } from "../../core/identity.ts";

/** `["code-signing-config", account, region, id]` */
export interface CodeSigningConfigRecord {
  readonly id: string;
  readonly arn: string;
  readonly description: string;
  /** ARNs of signing profile versions; one without a version stands for all of its versions. */
  readonly publishers: readonly string[];
  readonly policy: "Warn" | "Enforce";
  readonly lastModifiedMs: number;
  readonly tags: Readonly<Record<string, string>>;
  /** Set while a deletion looks for functions that use it: no function may take it any more. */
  readonly deleting?: true;
}

export function configArn(scope: Scope, id: string): string {
  return `arn:aws:lambda:${scope.region}:${scope.account}:code-signing-config:${id}`;
}

const arnPattern = /^arn:aws[a-zA-Z-]*:lambda:([a-z0-9-]+):(\d{12}):code-signing-config:(csc-[a-z0-9]{17})$/;

/** The id in an ARN of that account and region; undefined for all others. */
export function configIdOf(arn: string, scope: Scope): string | undefined {
  const [, region, account, id] = arnPattern.exec(arn) ?? [];
  return region === scope.region && account === scope.account ? id : undefined;
}
