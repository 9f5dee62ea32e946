"""Read a file written by hand as text: UTF-8, with or without a byte order mark."""

BYTE_ORDER_MARK = b"\xef\xbb\xbf"
_UTF_16 = (b"\xff\xfe", b"\xfe\xff")


def read(data: bytes) -> str:
    """Return *data* as text. Raises NotTextError on another encoding."""
    if data.startswith(_UTF_16):
        raise NotTextError("is UTF-16, not UTF-8", data, 0)
    start = len(BYTE_ORDER_MARK) if data.startswith(BYTE_ORDER_MARK) else 0
    try:
        text = data[start:].decode()
    except UnicodeDecodeError as error:
        raise NotTextError("is not UTF-8", data, start + error.start) from None
    if "\0" in text:
        # UTF-16 without a byte order mark has one in every other byte.
        raise NotTextError("is not a text in UTF-8", data, data.index(0))
    return text


class NotTextError(ValueError):
    """The bytes are not a text in UTF-8. The message names the first byte that is wrong."""

    def __init__(self, problem: str, data: bytes, place: int) -> None:
        super().__init__(f"{problem}: byte 0x{data[place]:02x} at offset {place}")
        self.line = data.count(b"\n", 0, place) + 1
