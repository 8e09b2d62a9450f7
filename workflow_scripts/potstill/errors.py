"""Errors that a user can mend: one message, no traceback, exit code 2."""


class PotstillError(Exception):
    """Something a user can mend.

    The message names what is wrong, where (file, key path or row) and what to do about it.
    Stage scripts and the Snakefile print it without a traceback; anything else that escapes is a bug of ours.
    """


class ConfigError(PotstillError):
    """A configuration file is wrong."""


class ArtefactError(PotstillError):
    """A stored artefact is incomplete, damaged, or not the one that was asked for."""


class DataError(PotstillError):
    """A data set, a model directory or a source of either cannot be used as it is."""
