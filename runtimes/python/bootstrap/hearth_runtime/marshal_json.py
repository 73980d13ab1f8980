"""Events and responses as JSON, with what Lambda's runtime adds: Decimals are numbers, bytes go as they are.

Differs from AWS: a namedtuple is written as an array, as Python's own json does.
"""

import json
import math
import os
import re
import sys

from .faults import Fault

# From 3.12 on, Lambda writes Unicode characters as they are.
_ENSURE_ASCII = sys.version_info < (3, 12)

# Marks a string that stands for a number; random, so that no function can happen to return it.
_MARK = "decimal:" + os.urandom(16).hex() + ":"
_MARKED = re.compile('"' + _MARK + '([^"]*)"')


class _Encoder(json.JSONEncoder):
    has_decimals = False

    def default(self, o):
        decimal = sys.modules.get("decimal")
        if decimal is None or not isinstance(o, decimal.Decimal):
            return super().default(o)
        if o.is_nan():
            return math.nan
        self.has_decimals = True
        return _MARK + str(o)


def json_bytes(value):
    encoder = _Encoder(ensure_ascii=_ENSURE_ASCII)
    text = encoder.encode(value)
    if encoder.has_decimals:
        text = _MARKED.sub(r"\1", text)
    # Half a surrogate pair has no UTF-8 form, but a JSON escape that Python writes the same way.
    return text.encode("utf-8", "backslashreplace")


def read_event(body, content_type):
    if content_type != "application/json":
        return body
    try:
        return json.loads(body)
    except Exception as error:
        raise Fault("UnmarshalError", "Unable to unmarshal input: %s" % error) from None


def write_response(response):
    """Returns the bytes of a handler's return value and their content type."""
    if isinstance(response, bytes):
        return response, "application/unknown"
    try:
        return json_bytes(response), "application/json"
    except Exception as error:
        raise Fault("MarshalError", "Unable to marshal response: %s" % error) from None
