"""Errors that a user can mend: one message, no traceback, exit code 2."""


class PotstillError(Exception):
    """Something a user can mend.

    The message names what is wrong, where (file, key path or row) and what to do about it.
    Stage scripts and the Snakefile print it without a traceback; anything else that escapes is a bug of ours.
    """

    exit_code = 2


class ConfigError(PotstillError):
    """A configuration file is wrong."""


class ArtefactError(PotstillError):
    """A stored artefact is incomplete, damaged, or not the one that was asked for."""


class DataError(PotstillError):
    """A data set, a model directory or a source of either cannot be used as it is."""


class Interrupted(PotstillError):  # noqa: N818 (nothing is wrong)
    """A signal asked a job to stop, and it left what the next call goes on from."""

    exit_code = 75  # EX_TEMPFAIL of sysexits.h: the same command again will do
