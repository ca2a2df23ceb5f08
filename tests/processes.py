"""How tests begin the processes that they stop."""

import signal


def heeding_interrupts() -> None:
    """Undo what a shell does to commands in its background, whose children ignore SIGINT.

    For ``subprocess.Popen(preexec_fn=...)``.
    """
    signal.signal(signal.SIGINT, signal.SIG_DFL)
