"""Objects that read like files, as uploads of web frameworks do."""

from dataclasses import dataclass


@dataclass
class FileLike:
    """An object with `read`, and with the names of the file and of the form field."""

    part: object
    filename: str = ""
    name: str = "field"

    def read(self, size: int = -1) -> object:
        part, self.part = self.part, b""
        return part


class AsyncUpload(FileLike):
    """An upload whose `read` is a coroutine."""

    async def read(self, size: int = -1) -> object:  # type: ignore[override]
        return b""
