"""`logging` as functions find it on Lambda: a root handler that writes text or JSON with the request id, and errors of the
function as one event each.

https://docs.aws.amazon.com/lambda/latest/dg/python-logging.html

Events go as frames to the descriptor in `_LAMBDA_TELEMETRY_LOG_FD`, so that a message of several lines stays one event;
without it, to standard output.
"""

import json
import logging
import os
import sys
import time
import traceback

# Type of a frame: text or JSON, or-ed with the level's bits.
_TEXT_FRAME = 0xA55A0003
_JSON_FRAME = 0xA55A0002
_LEVEL_BITS = {10: 0b01000, 20: 0b01100, 30: 0b10000, 40: 0b10100, 50: 0b11000}

# Lambda indents the lines of a traceback with no-break spaces.
_INDENT = "\u00a0"

# Attributes of every record; all others are the function's own and belong into the JSON.
_STANDARD_FIELDS = frozenset(vars(logging.makeLogRecord({}))) | {"message", "asctime", "taskName"}

_TIME_FORMAT = "%Y-%m-%dT%H:%M:%S"


class _State:
    """What the environment and the running invocation say."""

    descriptor = None
    is_json = False
    request_id = ""
    tenant_id = None


def set_up():
    """Reads the log settings from the environment and installs the root handler; again when the environment has changed."""
    named = os.environ.pop("_LAMBDA_TELEMETRY_LOG_FD", None)
    if named is not None:
        _State.descriptor = int(named)
    _State.is_json = os.environ.get("AWS_LAMBDA_LOG_FORMAT", "").upper() == "JSON"
    level = os.environ.get("AWS_LAMBDA_LOG_LEVEL", "").upper()
    level = {"TRACE": "DEBUG", "FATAL": "CRITICAL", "WARN": "WARNING"}.get(level, level)

    logging.Formatter.converter = time.gmtime
    root = logging.getLogger()
    for handler in [handler for handler in root.handlers if isinstance(handler, _Handler)]:
        root.removeHandler(handler)
    handler = _Handler()
    handler.setFormatter(
        _JsonFormatter()
        if _State.is_json
        else logging.Formatter(
            "[%(levelname)s]\t%(asctime)s.%(msecs)03dZ\t%(aws_request_id)s\t%(message)s\n", _TIME_FORMAT
        )
    )
    root.addHandler(handler)
    if level in ("DEBUG", "INFO", "WARNING", "ERROR", "CRITICAL"):
        root.setLevel(level)


def set_current_invocation(request_id, tenant_id):
    _State.request_id = request_id
    _State.tenant_id = tenant_id


def write(message, level=logging.NOTSET, is_json=False):
    """Writes one event."""
    if _State.descriptor is None:
        sys.stdout.write(message)
        return
    data = message.encode("utf-8", "backslashreplace")
    frame_type = (_JSON_FRAME if is_json else _TEXT_FRAME) | _LEVEL_BITS.get(level, 0)
    frame = b"%b%b%b%b" % (
        frame_type.to_bytes(4, "big"),
        len(data).to_bytes(4, "big"),
        (time.time_ns() // 1000).to_bytes(8, "big"),
        data,
    )
    while frame:
        frame = frame[os.write(_State.descriptor, frame) :]


def write_error(result):
    """Logs the error that ended an invocation or the init phase."""
    if _State.is_json:
        now = time.strftime(_TIME_FORMAT, time.gmtime()) + "Z"
        record = {"timestamp": now, "level": "ERROR", **result}
        write(json.dumps(record, ensure_ascii=False) + "\n", logging.ERROR, is_json=True)
        return
    headline = "[ERROR] " + ": ".join(part for part in (result["errorType"], result["errorMessage"]) if part)
    lines = [headline, "Traceback (most recent call last):"]
    for element in result["stackTrace"]:
        lines += [_indented(line) for line in element.splitlines()] or [""]
    # Standard output is split into events at line feeds.
    separator = "\r" if _State.descriptor is None else "\n"
    write(separator.join(lines) + "\n", logging.ERROR)


def _indented(line):
    text = line.lstrip(" ")
    return _INDENT * (len(line) - len(text)) + text


def _level_of(record):
    return min(50, max(0, record.levelno)) // 10 * 10


class _Handler(logging.Handler):
    """Lambda's name for it is LambdaLoggerHandler; libraries look for a handler on the root, not for the name."""

    def __init__(self):
        super().__init__()
        self.addFilter(_add_invocation)

    def emit(self, record):
        try:
            write(self.format(record), _level_of(record), _State.is_json)
        except Exception:
            self.handleError(record)


def _add_invocation(record):
    record.aws_request_id = _State.request_id
    record.tenant_id = _State.tenant_id
    return True


class _JsonFormatter(logging.Formatter):
    def format(self, record):
        level = _level_of(record)
        seconds = time.strftime(_TIME_FORMAT, time.gmtime(record.created))
        fields = {
            "timestamp": "%s.%03dZ" % (seconds, record.msecs),
            "level": logging.getLevelName(level),
            "message": record.getMessage(),
            "logger": record.name,
            "requestId": record.aws_request_id,
            "tenantId": record.tenant_id,
        }
        if record.exc_info and record.exc_info[0] is not None:
            kind, error, trace = record.exc_info
            fields["stackTrace"] = traceback.format_tb(trace)
            fields["errorType"] = kind.__name__
            fields["errorMessage"] = str(error)
            fields["location"] = "%s:%s:%s" % (record.pathname, record.funcName, record.lineno)
        for name, value in vars(record).items():
            if name not in _STANDARD_FIELDS and name not in fields and name != "aws_request_id" and name != "tenant_id":
                fields[name] = value
        present = {name: value for name, value in fields.items() if value is not None}
        return json.dumps(present, ensure_ascii=False) + "\n"
