/** https://docs.aws.amazon.com/STS/latest/APIReference/API_GetSessionToken.html */
import type { Credentials, GetSessionTokenRequest, GetSessionTokenResponse } from "@aws-sdk/client-sts";
import { ApiError } from "../../core/errors.ts";
import type { Session, Sessions, TemporaryCredentials } from "../auth/sessions.ts";
import type { CallContext, Handler } from "../service.ts";

const defaultSeconds = 43_200;

export function getSessionToken(
  { sessions }: { readonly sessions: Pick<Sessions, "issue"> },
  identify: (context: CallContext) => Promise<Session>,
): Handler<GetSessionTokenRequest, GetSessionTokenResponse> {
  return async (request, context) => {
    if (context.caller.kind !== "client") {
      throw new ApiError("AccessDeniedException", "Cannot call GetSessionToken with session credentials");
    }
    refuseMfa(request);
    const credentials = sessions.issue(await identify(context), request.DurationSeconds ?? defaultSeconds);
    return { Credentials: showCredentials(credentials) };
  };
}

/** There are no devices, so none can have shown that code. */
export function refuseMfa(request: Pick<GetSessionTokenRequest, "SerialNumber" | "TokenCode">): void {
  if (request.SerialNumber === undefined && request.TokenCode === undefined) return;
  throw new ApiError(
    "AccessDeniedException",
    "MultiFactorAuthentication failed, unable to validate MFA code.  Please verify your MFA serial number is valid and " +
      "associated with this user.",
  );
}

export function showCredentials(credentials: TemporaryCredentials): Credentials {
  const { accessKeyId, secretAccessKey, sessionToken, expiresAtMs } = credentials;
  return {
    AccessKeyId: accessKeyId,
    SecretAccessKey: secretAccessKey,
    SessionToken: sessionToken,
    Expiration: new Date(expiresAtMs),
  };
}
