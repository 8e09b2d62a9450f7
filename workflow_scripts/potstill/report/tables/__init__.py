"""One file a table; `build` makes it from the collected results."""
