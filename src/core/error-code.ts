/** Whether `error` carries one of `codes`, as errors of Node and of system calls do (`ENOENT`). */
export function isErrorCode(error: unknown, ...codes: readonly string[]): boolean {
  return error instanceof Error && "code" in error && codes.includes(String(error.code));
}
