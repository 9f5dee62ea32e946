"""`make fuzz TARGET=token SECONDS=60`: atheris calls a target with bytes it finds by coverage.

Without TARGET, all of them share the time. A finding is printed, and its bytes are kept in
build/fuzz/ for `python -m tests.fuzz TARGET --file PATH`.
"""

import argparse
import subprocess
import sys
import tempfile
from pathlib import Path

KEPT = Path("build/fuzz")
LONGEST_INPUT = 8192
SECONDS_PER_INPUT = 10


def main() -> int:
    """Run the targets, and return how many have a finding."""
    parser = argparse.ArgumentParser(prog="python -m tests.fuzz")
    parser.add_argument("target", nargs="?", default="all")
    parser.add_argument("--seconds", type=int, default=60)
    parser.add_argument("--file", type=Path)
    given = parser.parse_args()
    if given.target == "all":
        return run_all(given.seconds)
    try:
        import atheris  # noqa: PLC0415
    except ImportError:
        print("atheris is not installed: it has no wheel for this Python or system")
        return 0
    with atheris.instrument_imports(include=["skylogin"]):
        from tests.fuzz.targets import TARGETS  # noqa: PLC0415
    target = TARGETS[given.target]
    if given.file:
        target.try_out(given.file.read_bytes())
        return 0
    KEPT.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as corpus:
        for number, sample in enumerate(target.samples()):
            (Path(corpus) / str(number)).write_bytes(sample)
        options = (
            f"-max_total_time={given.seconds}",
            f"-max_len={LONGEST_INPUT}",
            f"-timeout={SECONDS_PER_INPUT}",
            f"-artifact_prefix={KEPT}/{given.target}-",
            "-verbosity=0",
            "-print_final_stats=1",
        )
        atheris.Setup([sys.argv[0], *options, corpus], target.try_out)
        atheris.Fuzz()
    return 0


def run_all(seconds: int) -> int:
    """Run each target in a process of its own, for its share of the time."""
    from tests.fuzz.targets import TARGETS  # noqa: PLC0415

    found = []
    for name in TARGETS:
        share = ["--seconds", str(seconds // len(TARGETS))]
        if subprocess.run(
            [sys.executable, "-m", "tests.fuzz", name, *share], check=False
        ).returncode:
            found.append(name)
    print(f"findings in {', '.join(found) or 'none'} of {len(TARGETS)} targets")
    return len(found)


if __name__ == "__main__":
    sys.exit(main())
