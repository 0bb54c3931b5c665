"""The root of the error tree, and the errors of training.

Every error says in one line what is wrong and what to do next; the command line prints it as it is, and the web answers
it as JSON with `status`.
"""

from __future__ import annotations


class LabelwheelError(Exception):
    """Anything that labelwheel refuses or cannot do. The message is for people; say what to do next."""

    status = 500


class InvalidAnswer(LabelwheelError):
    """An answer does not fit its question: an unknown label, a span outside of the text, a wrong type."""

    status = 422


class InvalidCheckpoint(LabelwheelError):
    """A checkpoint is missing, incomplete or does not match its manifest. Roll back to another one, or train anew."""


class InvalidJob(LabelwheelError):
    """A job's specification or data cannot be used. Nothing was trained."""

    status = 422


class TooFewLabels(InvalidJob):
    """There are not enough labels to learn anything yet. Label more examples."""


class DuplicateStrategy(LabelwheelError):
    """Two strategies have one name, and a report could not tell them apart. Give one of them another."""


class DuplicateKind(LabelwheelError):
    """Two kinds of question have one name, and a checkpoint could not tell them apart. Give one of them another."""


class BrokenPlugin(LabelwheelError):
    """What a package brings cannot be used, and is left out. Mend the package, or take it away."""


class ForeignFailed(LabelwheelError):
    """A model of somebody else's ended, hung, took too much memory or raised. It costs itself, and nothing else."""

    status = 503


class LanguageModelFailed(LabelwheelError):
    """An endpoint with a language model is away, refuses, or answers what is no answer. Others answer meanwhile."""

    status = 503


class BudgetReached(LanguageModelFailed):
    """What a project may spend on language models in a day is spent. It goes on tomorrow, or with a larger budget."""


class RedactionFailed(LabelwheelError):
    """What texts go through before they are sent failed on one. That text stays here; mend the redaction."""


class MissingExtra(LabelwheelError):
    """Something needs a package that is only installed on demand. The message names the extra."""

    status = 422


class ProcessLost(LabelwheelError):
    """One of a job's processes failed, was killed, or is cut off. The message says which; the job can be run again."""

    status = 503


class OutOfMemory(LabelwheelError):
    """The device has too little memory even for a batch of one. Use a smaller base model or a shorter `max_length`."""

    status = 503


class LauncherUnusable(LabelwheelError):
    """A launcher cannot be used as it is set up. The message names the setting."""


class LauncherUnreachable(LabelwheelError):
    """What runs the jobs does not answer. Nothing is lost: it is tried again."""

    status = 503


class StoreUnusable(LabelwheelError):
    """The store's URL cannot be used, or the driver for it is not installed. Install it, or set another store."""


class StoreUnreachable(LabelwheelError):
    """An object store does not answer, or not as it should. Nothing is lost: it is tried again."""

    status = 503
