"""The entry point of `python -m skylogin` and of the command `skylogin`."""

import gc


def main() -> None:
    """Import the command line and run it."""
    # Collecting garbage while hundreds of modules are imported takes a tenth of the start-up.
    gc.disable()
    from skylogin.cli import main as cli  # noqa: PLC0415

    gc.freeze()
    # A login makes thousands of objects but no reference cycles: a collection after every
    # 700 objects would take a tenth of its time.
    gc.set_threshold(20_000, 20, 20)
    gc.enable()
    cli.main()


if __name__ == "__main__":
    main()
