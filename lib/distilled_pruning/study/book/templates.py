"""The prose pages are Jinja templates: sentences stand in the page, numbers and rows come from the build.

A page under ``book/`` names what it shows, ``{{ answer }}``, and repeats rows where there are rows; parts that several
pages share lie in ``book/parts/``. What there is to name: :func:`.build.values`.
"""

from __future__ import annotations

from collections.abc import Mapping
from html import escape
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ...errors import InputError
from .pages import badge, plain, show

if TYPE_CHECKING:
    from jinja2 import Environment

FOLDER = "book"
PARTS = "parts"


def environment(root: Path) -> Environment:
    """Give what templates are written by: a name that nothing stands for is a mistake, not an empty line.

    Comments are ``<!--# … #-->``, since ``{#name}`` gives text a label in Markdown.
    """
    import jinja2

    made = jinja2.Environment(
        loader=jinja2.FileSystemLoader(root / FOLDER),
        undefined=jinja2.StrictUndefined,
        comment_start_string="<!--#",
        comment_end_string="#-->",
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
        autoescape=False,
    )
    made.filters |= {"plain": plain, "badge": badge, "show": show, "html": lambda text: escape(str(text))}
    return made


def write(root: Path, name: str, values: Mapping[str, Any]) -> str:
    """Write a page or a part.

    Args:
        root: The folder of the sources.
        name: File below ``book/``.
        values: What it may name.

    Raises:
        InputError: It names what there is not, or is not a template.
    """
    import jinja2

    try:
        return environment(root).get_template(name).render(**values)
    except jinja2.TemplateSyntaxError as error:
        raise InputError(f"{FOLDER}/{error.name}, line {error.lineno}: {error.message}") from error
    except jinja2.TemplateNotFound as error:
        raise InputError(f"{FOLDER}/{name} asks for {FOLDER}/{error.name}, which does not exist") from error
    except jinja2.UndefinedError as error:
        known = ", ".join(sorted(values))
        raise InputError(f"{FOLDER}/{name} names what there is not ({error}): choose one of {known}") from error
    except (TypeError, ValueError, KeyError) as error:
        raise InputError(f"{FOLDER}/{name} cannot be written ({error}): mend it or restore it from git") from error
