"""Hearth's runtime for Python functions: started in a sandbox, speaks the Lambda Runtime API at AWS_LAMBDA_RUNTIME_API.

With HEARTH_POOLED=1 it makes itself ready first and learns its function later. Standard library only.
"""

import os
import sys

_DIRECTORY = os.path.dirname(os.path.abspath(__file__))
# Python leaves it out when the function asks for a safe path.
if _DIRECTORY not in sys.path:
    sys.path.insert(0, _DIRECTORY)

from hearth_runtime import loop  # noqa: E402

loop.main()
