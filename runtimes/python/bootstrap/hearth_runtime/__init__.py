"""The runtime's own modules, under one name that no function uses for its own."""
