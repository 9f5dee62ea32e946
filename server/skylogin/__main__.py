"""`python -m skylogin` is the command `skylogin`."""

from skylogin.cli import main

if __name__ == "__main__":
    main()
