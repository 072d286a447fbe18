"""A real browser that opens files, and everything in it that must not happen."""

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from tests.support.shims import need

DESKTOP = (1440, 900)
PHONE = (390, 844)


@contextmanager
def chromium() -> Iterator[Any]:
    """Start Chromium without a window. Skips the test where there is none, except in CI."""
    program = shutil.which("chromium")
    need("chromium", program)
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=program)
        yield browser
        browser.close()


@contextmanager
def opened_page(browser: Any, file: Path, size: tuple[int, int], **options: Any) -> Iterator[Any]:
    """Open a file. Fails if it shows a dialog, has an error, or asks for anything else."""
    wrong: list[str] = []
    viewport = {"width": size[0], "height": size[1]}
    context = browser.new_context(viewport=viewport, **options)
    page = context.new_page()
    page.set_default_timeout(60_000)
    page.on("console", lambda message: wrong.append(f"{message.type}: {message.text}"))
    page.on("pageerror", lambda error: wrong.append(str(error)))
    page.on("dialog", lambda dialog: (wrong.append(dialog.message), dialog.accept()))
    page.on("request", lambda request: wrong.append(request.url) if _leaves(request.url) else None)
    page.goto(file.as_uri())
    yield page
    context.close()
    assert wrong == [file.as_uri()]


def _leaves(url: str) -> bool:
    """Whether a request is for something that is not in the page."""
    return not url.startswith(("data:", "blob:"))
