"""Pages from templates: what is put into one is shown as it is written, and is never markup."""

import base64
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from dah.printable import printable


def templates(package: str) -> Environment:
    """The templates of a package, ``*.j2`` beside its modules."""
    return Environment(
        loader=PackageLoader(package, ""),
        autoescape=True,
        finalize=as_written,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )


def as_written(value: Any) -> Any:
    """A text in one line of valid Unicode, which the template then escapes; other values as is."""
    return printable(value) if isinstance(value, str) and not isinstance(value, Markup) else value


def inside(data: bytes, form: str) -> Markup:
    """The address of a picture that is in the page itself; `form` is png or jpeg."""
    return Markup(f"data:image/{form};base64,{base64.b64encode(data).decode()}")
