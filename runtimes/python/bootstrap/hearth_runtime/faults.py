"""Errors as Lambda's Python runtime names, words and serialises them: {errorMessage, errorType, requestId, stackTrace}.

https://docs.aws.amazon.com/lambda/latest/dg/python-exceptions.html
"""

import traceback

from . import DIRECTORY


class Fault(Exception):
    """A failure that the runtime itself found; `kind` is what callers match on."""

    def __init__(self, kind, message, trace=None):
        super().__init__(message)
        self.kind = "Runtime." + kind
        self.message = message
        self.trace = trace


def error_result(error, request_id=""):
    """What the caller of the function gets, as a dict."""
    if isinstance(error, Fault):
        kind, message, trace = error.kind, error.message, error.trace
    else:
        kind, message, trace = type(error).__name__, str(error), _trace_of(error)
    return {
        "errorMessage": message or "",
        "errorType": kind or "",
        "requestId": request_id,
        "stackTrace": trace or [],
    }


def _trace_of(error):
    """The formatted frames, from the function's own on."""
    frames = traceback.extract_tb(error.__traceback__)
    first = 0
    while first < len(frames) and frames[first].filename.startswith(DIRECTORY):
        first += 1
    # Plain tuples: newer versions would underline parts of the line, which Lambda's texts do not.
    return traceback.format_list([(f.filename, f.lineno, f.name, f.line) for f in frames[first:]])


def error_type_header(kind):
    """The header line that names an error, for `error` and `init/error`."""
    printable = "".join(c if " " <= c <= "~" else "?" for c in kind)[:256]
    return b"Lambda-Runtime-Function-Error-Type: %b\r\n" % printable.encode()
