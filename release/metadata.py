"""What an index shows of the package: the project's addresses, and a README whose links work there.

Where the project lives is written nowhere. RELEASE_REPOSITORY_URL says it while a release is
built; without it, the package has no addresses and the README as it is in the repository.
"""

import os
import re
from pathlib import Path
from typing import Any

from hatchling.metadata.plugin.interface import MetadataHookInterface

RELATIVE_LINK = re.compile(r"(?P<image>!)?(?P<text>\[[^\]]*\])\((?![a-z+]+:|#)(?P<path>[^)\s]+)\)")


class Metadata(MetadataHookInterface):
    """The fields that pyproject.toml calls dynamic. An sdist has them in its PKG-INFO."""

    def update(self, metadata: dict[str, Any]) -> None:
        """Fill in the README and the addresses."""
        repository = os.environ.get("RELEASE_REPOSITORY_URL", "").rstrip("/")
        text = Path(self.root, "README.md").read_text(encoding="utf-8")
        urls = {}
        if repository:
            tag = f"v{metadata['version']}"
            text = with_absolute_links(text, repository, tag)
            urls = {
                "Repository": repository,
                "Documentation": f"{repository}/blob/{tag}/docs/index.md",
                "Changelog": f"{repository}/blob/{tag}/CHANGELOG.md",
                "Issues": f"{repository}/issues",
            }
        metadata["readme"] = {"content-type": "text/markdown", "text": text}
        metadata["urls"] = urls


def with_absolute_links(text: str, repository: str, tag: str) -> str:
    """Return a page of the repository with links that work on any site."""

    def absolute(link: re.Match[str]) -> str:
        kind = "raw" if link["image"] else "blob"
        address = f"{repository}/{kind}/{tag}/{link['path']}"
        return f"{link['image'] or ''}{link['text']}({address})"

    return RELATIVE_LINK.sub(absolute, text)
