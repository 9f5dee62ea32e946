"""What MkDocs runs when it builds the site: files from outside of docs/, and a check of it."""

import re
from pathlib import Path

from mkdocs.config.defaults import MkDocsConfig
from mkdocs.exceptions import PluginError
from mkdocs.structure.files import File, Files
from mkdocs.structure.pages import Page

ROOT = Path(__file__).parents[1]
# A link from a page of docs/ to a file beside it, such as ../examples/ruby/test/skylogin.rb.
OUTSIDE = re.compile(r"\]\(\.\./([^)#]+)\)")
# What a browser fetches by itself, without a click.
FETCHED = re.compile(
    r"""<(?:script|img|iframe|source)\b[^>]*\bsrc=["']?(?:https?:)?//[^\s"'>]+"""
    r"""|<link\b[^>]*\bhref=["']?(?:https?:)?//[^\s"'>]+"""
    r"""|(?:@import|url\()\s*["']?(?:https?:)?//[^\s"')]+"""
)


def on_files(files: Files, *, config: MkDocsConfig) -> Files:
    """Add the files that pages link to, from where they are in the project."""
    for page in files.documentation_pages():
        for name in OUTSIDE.findall(page.content_string):
            if files.get_file_from_path(name) is None:
                files.append(File.generated(config, name, abs_src_path=str(ROOT / name)))
    return files


def on_page_markdown(markdown: str, *, page: Page, config: MkDocsConfig, files: Files) -> str:
    """Link to those files where the site has them."""
    return OUTSIDE.sub(r"](\1)", markdown)


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
