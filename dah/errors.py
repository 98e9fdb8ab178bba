"""The one exception that means: the user can mend this."""


class UserError(Exception):
    """A mistake in the parameters, the files or the machine, told in one line.

    The message says what is wrong, where, what was expected and found, and the remedy. Stages print
    it without a stack trace and exit with status 1.
    """
