"""The runtime's own modules, under one name that no function uses for its own."""

import os

# Where the runtime's own files are.
DIRECTORY = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
