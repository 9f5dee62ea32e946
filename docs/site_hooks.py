"""What MkDocs runs when it builds the site: it adds files from outside of docs/, and checks it."""

import re
from pathlib import Path

from mkdocs.config.defaults import MkDocsConfig
from mkdocs.exceptions import PluginError
from mkdocs.structure.files import File, Files
from mkdocs.structure.pages import Page

ROOT = Path(__file__).parents[1]
# A link to a file outside of docs/, such as ../examples/ruby/test/login_test.rb.
OUTSIDE = re.compile(r"\]\(\.\./((?:examples|kits|README)[^)#]*)")
# Where the site has the README; MkDocs takes a page of that name for an index.
QUICK_START = "quick-start.md"
# What a browser fetches by itself, without a click.
FETCHED = re.compile(
    r"""<(?:script|img|iframe|source)\b[^>]*\bsrc=["']?(?:https?:)?//[^\s"'>]+"""
    r"""|<link\b[^>]*\bhref=["']?(?:https?:)?//[^\s"'>]+"""
    r"""|(?:@import|url\()\s*["']?(?:https?:)?//[^\s"')]+"""
)


def on_files(files: Files, *, config: MkDocsConfig) -> Files:
    """Add the README, the changelog and the files that pages link to."""
    files.append(File.generated(config, QUICK_START, abs_src_path=str(ROOT / "README.md")))
    files.append(File.generated(config, "CHANGELOG.md", abs_src_path=str(ROOT / "CHANGELOG.md")))
    for page in files.documentation_pages():
        for name in OUTSIDE.findall(page.content_string):
            if name != "README.md" and files.get_file_from_path(name) is None:
                files.append(File.generated(config, name, abs_src_path=str(ROOT / name)))
    return files


def on_page_markdown(markdown: str, *, page: Page, config: MkDocsConfig, files: Files) -> str:
    """Link to those files where the site has them."""
    if page.file.src_uri in (QUICK_START, "CHANGELOG.md"):
        markdown = markdown.replace("](docs/", "](")
    return OUTSIDE.sub(r"](\1", markdown).replace("](README.md", f"]({QUICK_START}")


def on_post_build(*, config: MkDocsConfig) -> None:
    """Fail if a page or a stylesheet has a browser ask another host."""
    site = Path(config.site_dir)
    found = [
        f"{path.relative_to(site)}: {one}"
        for path in sorted(site.rglob("*"))
        if path.suffix in (".html", ".css")
        for one in FETCHED.findall(path.read_text(encoding="utf-8"))
    ]
    if found:
        raise PluginError("the site needs other hosts:\n" + "\n".join(found))
