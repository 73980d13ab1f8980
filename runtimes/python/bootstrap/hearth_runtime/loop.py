"""Loads the function and serves invocations until the process ends."""

import gc
import json
import os
import sys
import time

from . import logs
from .client import RuntimeApiClient
from .context import LambdaContext
from .faults import error_result, error_type_header
from .handler import find_handler, set_search_path
from .marshal_json import json_bytes, read_event, write_response

_API = "/2018-06-01/runtime"

# Up to this size, in bytes, a response and the following `next` travel in one segment; a larger one may be refused, so its
# answer is awaited.
_PIPELINED_BYTES_MAX = 65536

_WARM_ROUNDS = 3


class _Paths:
    def __init__(self, following, response, error):
        self.next = following
        self.response = response
        self.error = error


_INVOCATION_PATHS = _Paths(
    _API + "/invocation/next", _API + "/invocation/%s/response", _API + "/invocation/%s/error"
)
_WARM_PATHS = _Paths("/hearth/warmup/next", "/hearth/warmup/response/%s", "")


def main():
    client = RuntimeApiClient(os.environ.get("AWS_LAMBDA_RUNTIME_API", "127.0.0.1:9001"))
    if os.environ.get("HEARTH_POOLED") == "1":
        task_root, name = _await_function(client)
    else:
        task_root = os.environ.get("LAMBDA_TASK_ROOT") or os.getcwd()
        name = os.environ.get("_HANDLER", "")
    logs.set_up()
    set_search_path(task_root)
    try:
        handler = find_handler(name)
    except Exception as error:
        result = error_result(error)
        logs.write_error(result)
        header = error_type_header(result["errorType"])
        client.post(_API + "/init/error", json_bytes(result), extra_headers=header)
        sys.exit(1)

    answer = client.get(_INVOCATION_PATHS.next)
    while True:
        answer = _serve(client, handler, answer, _INVOCATION_PATHS)


def _await_function(client):
    """Exercises the path of an invocation, then waits to be told the function; returns its directory and handler."""
    logs.set_up()
    answer = client.get(_WARM_PATHS.next)
    for _ in range(_WARM_ROUNDS):
        answer = _serve(client, _warm_handler, answer, _WARM_PATHS)
    os.environ.pop("_X_AMZN_TRACE_ID", None)
    logs.set_current_invocation("", None)
    gc.collect()
    gc.freeze()

    answer = client.get("/hearth/specialise")
    if answer.status != 200:
        sys.exit("specialise was answered %d: %r" % (answer.status, answer.body))
    told = json.loads(answer.body)
    # Nothing to reseed: every pooled interpreter booted by itself and has randomness of its own.
    os.environ.pop("HEARTH_POOLED", None)
    os.environ.update(told["environment"])
    # What the C library read from TZ before.
    time.tzset()
    os.chdir(told["taskRoot"])
    return told["taskRoot"], told["handler"]


def _warm_handler(event, context):
    return {"remaining": context.get_remaining_time_in_millis(), "event": event}


def _serve(client, handler, answer, paths):
    """Runs one invocation and returns the answer to the following `next`."""
    headers = answer.headers
    request_id = headers.get("lambda-runtime-aws-request-id")
    if answer.status != 200 or request_id is None:
        sys.exit("the runtime API answered %d to next: %r" % (answer.status, answer.body))
    logs.set_current_invocation(request_id, headers.get("lambda-runtime-aws-tenant-id"))
    _set_trace(headers.get("lambda-runtime-trace-id"))
    try:
        context = LambdaContext(headers)
        event = read_event(answer.body, headers.get("content-type", "application/json"))
        body, content_type = write_response(handler(event, context))
    except Exception as error:
        result = error_result(error, request_id)
        logs.write_error(result)
        header = error_type_header(result["errorType"])
        client.post(paths.error % request_id, json_bytes(result), extra_headers=header)
        return client.get(paths.next)
    path = paths.response % request_id
    if len(body) <= _PIPELINED_BYTES_MAX:
        return client.post_then_get(path, body, content_type, paths.next)
    client.post(path, body, content_type)
    return client.get(paths.next)


def _set_trace(trace_id):
    if trace_id is None:
        os.environ.pop("_X_AMZN_TRACE_ID", None)
    else:
        os.environ["_X_AMZN_TRACE_ID"] = trace_id
