"""Finds the function's handler: `package.module.function` or `directory/module.function`, and fails with Lambda's errors.

https://docs.aws.amazon.com/lambda/latest/dg/python-handler.html
"""

import importlib
import sys

from . import DIRECTORY
from .faults import Fault


def set_search_path(task_root):
    """Puts the function's code and its layers first, as on Lambda; what the interpreter brought stays behind them."""
    version = "python%d.%d" % sys.version_info[:2]
    first = [task_root, "/opt/python/lib/%s/site-packages" % version, "/opt/python", "/var/runtime"]
    sys.path[:] = first + [path for path in sys.path if path != DIRECTORY and path not in first]
    # What was looked up before the code was mounted is no longer true.
    for path in first:
        sys.path_importer_cache.pop(path, None)


def find_handler(name):
    module_name, dot, function_name = name.rpartition(".")
    if not dot:
        raise Fault(
            "MalformedHandlerName",
            "Bad handler '%s': not enough values to unpack (expected 2, got 1)" % name,
        )
    if module_name.split(".")[0] in sys.builtin_module_names:
        raise Fault("BuiltInModuleConflict", "Cannot use built-in module %s as a handler module" % module_name)
    try:
        module = importlib.import_module(module_name.replace("/", "."))
    except ImportError as error:
        raise Fault("ImportModuleError", "Unable to import module '%s': %s" % (module_name, error)) from None
    except SyntaxError as error:
        raise Fault(
            "UserCodeSyntaxError",
            "Syntax error in module '%s': %s" % (module_name, error),
            ['  File "%s" Line %s\n    %s' % (error.filename, error.lineno, error.text)],
        ) from None
    try:
        return getattr(module, function_name)
    except AttributeError:
        raise Fault(
            "HandlerNotFound", "Handler '%s' missing on module '%s'" % (function_name, module_name)
        ) from None
