"""Hook of mkdocs: the files outside `docs/` that pages link to become part of the site.

Links are written as they work in the repository: `../CONTRIBUTING.md` from a page in `docs/`, and
`docs/load.md` from the README. On the site, the README is the home page, `docs/` is its root, and
all else has the path that it has in the repository.
"""

import re
from pathlib import Path

from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files
from mkdocs.structure.pages import Page

ROOT = Path(__file__).parents[1]
HOME, README = "index.md", "README.md"
# The target of a link or a picture, in Markdown or in HTML.
_TARGET = re.compile(r"""(\]\(|(?:src|srcset|href)=")([^)"#\s:]+)(?=[)"#])""")
# Pages that are named in `nav` alone.
_PAGES = ("CONTRIBUTING.md", "CHANGELOG.md", "dataset_card/README.md")


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Adds the home page, and each file that a page links to, and so on."""
    waiting = [README, *_PAGES]
    waiting += [f"docs/{file.src_uri}" for file in files if file.src_uri.endswith(".md")]
    seen = set(waiting)
    while waiting:
        name = waiting.pop()
        if not name.startswith("docs/"):
            files.append(File.generated(config, _on_site(name), abs_src_path=str(ROOT / name)))
        if name.endswith(".md"):
            found = _linked(name, (ROOT / name).read_text(encoding="utf-8"))
            waiting += sorted(found - seen)
            seen |= found
    return files


def on_page_markdown(markdown: str, page: Page, config: MkDocsConfig, files: Files) -> str:
    """The page with links as they are on the site."""
    uri = page.file.src_uri
    name = README if uri == HOME else uri if page.file.generated_by else f"docs/{uri}"

    def moved(found: re.Match[str]) -> str:
        path = _resolve(name, found[2])
        if path is None or (ROOT / path).is_dir():
            return found[0]
        up = "../" * uri.count("/")
        return f"{found[1]}{up}{_on_site(path)}"

    return _TARGET.sub(moved, markdown)


def _linked(name: str, text: str) -> set[str]:
    """The files of the repository, outside `docs/`, that a page links to."""
    paths = {_resolve(name, found[2]) for found in _TARGET.finditer(text)}
    return {
        path
        for path in paths
        if path is not None and not path.startswith("docs/") and (ROOT / path).is_file()
    }


def _resolve(name: str, target: str) -> str | None:
    """A target's path in the repository; None if it is outside, or nothing there."""
    path = ((ROOT / name).parent / target).resolve()
    return path.relative_to(ROOT).as_posix() if path.exists() and ROOT in path.parents else None


def _on_site(path: str) -> str:
    return HOME if path == README else path.removeprefix("docs/")
