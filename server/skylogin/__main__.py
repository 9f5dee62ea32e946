"""`python -m skylogin` and the command `skylogin` begin here."""

import gc


def main() -> None:
    """Import the command line and run it."""
    # Looking for garbage while hundreds of modules come in is a tenth of the start-up.
    gc.disable()
    from skylogin import cli  # noqa: PLC0415

    gc.freeze()
    gc.enable()
    cli.main()


if __name__ == "__main__":
    main()
