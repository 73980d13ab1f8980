"""Hearth's runtime for Python functions: started in a sandbox, speaks the Lambda Runtime API at AWS_LAMBDA_RUNTIME_API.

With HEARTH_POOLED=1 it makes itself ready first and learns its function later. Standard library only.
"""

from hearth_runtime import loop

loop.main()
