"""The error of this room."""


class ImageError(Exception):
    """An image cannot be made; its text says what is missing and what to do about it."""
