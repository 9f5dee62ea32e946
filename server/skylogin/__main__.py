"""`python -m skylogin` and the command `skylogin` begin here."""

import gc


def main() -> None:
    """Import the command line and run it."""
    # Looking for garbage while hundreds of modules come in is a tenth of the start-up.
    gc.disable()
    from skylogin.cli import main as cli  # noqa: PLC0415

    gc.freeze()
    # A login makes thousands of objects and no garbage that counting leaves behind:
    # looking after every 700 is a tenth of its time.
    gc.set_threshold(20_000, 20, 20)
    gc.enable()
    cli.main()


if __name__ == "__main__":
    main()
