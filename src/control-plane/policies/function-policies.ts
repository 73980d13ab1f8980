/**
 * The resource policies of functions, versions and aliases: one for each, kept beside what it is about and gone with it.
 *
 * A policy has no revision of its own: it shares that of its function, version or alias, which every change of the policy
 * renews. The revision is renewed first and the policy written next, so that of two callers who know the same revision
 * one is refused; a crash between the two leaves a new revision and the old policy.
 * https://docs.aws.amazon.com/lambda/latest/dg/access-control-resource-based.html
 */
import { ApiError } from "../../core/errors.ts";
import { functionArn, latestVersion } from "../../core/function-record.ts";
import type { Scope } from "../../core/identity.ts";
import type { Records } from "../../engine/contract.ts";
import { FunctionParts } from "../functions/function-parts.ts";
import type { Functions } from "../functions/functions.ts";
import { functionNotFound, revisionMismatch } from "../functions/refusals.ts";
import { grants, type AccessRequest } from "./authorization.ts";
import { withoutStatement, withStatement, type PolicyDocument, type PolicyStatement } from "./policy-document.ts";
import { noPolicyToChange, policyRevisionMismatch } from "./refusals.ts";
import { statementOf, type Permission } from "./statement.ts";

/** What a policy is about; without a qualifier the function itself. */
export interface PolicyTarget {
  readonly scope: Scope;
  readonly name: string;
  readonly qualifier?: string;
}

export interface FoundPolicy {
  readonly document: PolicyDocument;
  readonly revisionId: string;
}

export interface FunctionPoliciesOptions {
  readonly records: Records;
  readonly functions: Functions;
  /** Makes a fresh UUID. */
  readonly newId: () => string;
}

type Change = (document: PolicyDocument | undefined) => PolicyDocument | undefined;

interface ChangeOptions {
  /** What is refused first when both the change and the revision are wrong, as AWS does it. */
  readonly order: "revision-first" | "change-first";
  readonly expectedRevisionId: string | undefined;
  readonly mismatch: () => ApiError;
}

export class FunctionPolicies {
  readonly #policies: FunctionParts<PolicyDocument>;
  readonly #functions: Functions;
  readonly #newId: () => string;

  constructor({ records, functions, newId }: FunctionPoliciesOptions) {
    this.#policies = new FunctionParts(records, "function-policy");
    this.#functions = functions;
    this.#newId = newId;
  }

  /** Throws ResourceNotFoundException for an unknown function; undefined when what is named has no policy. */
  async find(target: PolicyTarget): Promise<FoundPolicy | undefined> {
    const { scope, name } = target;
    if ((await this.#functions.find(scope, name)) === undefined) throw functionNotFound(scope, name);
    const document = await this.#policies.find(...keyOf(target));
    return document === undefined ? undefined : { document, revisionId: await this.#revisionOf(target) };
  }

  async add(target: PolicyTarget, permission: Permission, expectedRevisionId?: string): Promise<PolicyStatement> {
    const statement = statementOf(permission, arnOf(target));
    await this.#change(target, (document) => withStatement(document, statement), {
      order: "revision-first",
      expectedRevisionId,
      mismatch: policyRevisionMismatch,
    });
    return statement;
  }

  async remove(target: PolicyTarget, statementId: string, expectedRevisionId?: string): Promise<void> {
    const change: Change = (document) => {
      if (document === undefined) throw noPolicyToChange();
      return withoutStatement(document, statementId);
    };
    await this.#change(target, change, { order: "change-first", expectedRevisionId, mismatch: revisionMismatch });
  }

  /** Replaces the whole policy. */
  async put(target: PolicyTarget, document: PolicyDocument, expectedRevisionId?: string): Promise<FoundPolicy> {
    const revisionId = await this.#change(target, () => document, {
      order: "revision-first",
      expectedRevisionId,
      mismatch: policyRevisionMismatch,
    });
    return { document, revisionId };
  }

  async delete(target: PolicyTarget, expectedRevisionId?: string): Promise<void> {
    await this.#change(target, withoutAny, {
      order: "change-first",
      expectedRevisionId,
      mismatch: policyRevisionMismatch,
    });
  }

  /** Whether the policy of what is called, or that of its function, grants the request. False for what is not there. */
  async grants(target: PolicyTarget, request: Omit<AccessRequest, "resourceArn">): Promise<boolean> {
    const { scope, name, qualifier } = target;
    const asked = { ...request, resourceArn: arnOf(target) };
    for (const owner of new Set([qualifier ?? latestVersion, latestVersion])) {
      const document = await this.#policies.find(scope, name, owner);
      if (document !== undefined && grants(document, asked)) return true;
    }
    return false;
  }

  /** Returns the new revision. */
  async #change(
    target: PolicyTarget,
    change: Change,
    { order, expectedRevisionId, mismatch }: ChangeOptions,
  ): Promise<string> {
    const requireRevision = (current: string): void => {
      if (expectedRevisionId !== undefined && expectedRevisionId !== current) throw mismatch();
    };
    const current = await this.#revisionOf(target);
    // Refused before anything is written.
    if (order === "revision-first") requireRevision(current);
    change(await this.#policies.find(...keyOf(target)));
    const revisionId = this.#newId();
    await this.#renewRevision(target, (latest) => {
      requireRevision(latest);
      return revisionId;
    });
    await this.#policies.modify(...keyOf(target), change);
    return revisionId;
  }

  async #revisionOf(target: PolicyTarget): Promise<string> {
    const { scope, name, qualifier } = target;
    const record = await this.#functions.find(scope, name);
    if (record === undefined) throw functionNotFound(scope, name);
    if (qualifier === undefined) return record.latest.revisionId;
    const owner = isVersion(qualifier)
      ? await this.#functions.versions.find(scope, name, qualifier)
      : await this.#functions.aliases.find(scope, name, qualifier);
    if (owner === undefined) throw unknownQualifier(target);
    return owner.revisionId;
  }

  async #renewRevision(target: PolicyTarget, renew: (current: string) => string): Promise<void> {
    const { scope, name, qualifier } = target;
    if (qualifier === undefined) {
      await this.#functions.renewRevision(scope, name, renew);
      return;
    }
    const renewed = <T extends { readonly revisionId: string }>(owner: T | undefined): T => {
      if (owner === undefined) throw unknownQualifier(target);
      return { ...owner, revisionId: renew(owner.revisionId) };
    };
    if (isVersion(qualifier)) await this.#functions.versions.modify(scope, name, qualifier, renewed);
    else await this.#functions.aliases.modify(scope, name, qualifier, renewed);
  }
}

function withoutAny(document: PolicyDocument | undefined): undefined {
  if (document === undefined) throw noPolicyToChange();
}

function isVersion(qualifier: string): boolean {
  return /^\d+$/.test(qualifier);
}

function arnOf({ scope, name, qualifier }: PolicyTarget): string {
  return functionArn(scope, name, qualifier);
}

function keyOf({ scope, name, qualifier = latestVersion }: PolicyTarget): [Scope, string, string] {
  return [scope, name, qualifier];
}

function unknownQualifier({ scope, name, qualifier = latestVersion }: PolicyTarget): ApiError {
  if (isVersion(qualifier)) return functionNotFound(scope, name, qualifier);
  return new ApiError("ResourceNotFoundException", `Cannot find alias arn: ${functionArn(scope, name, qualifier)}`);
}
