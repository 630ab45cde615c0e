"""Where a folder's records lie; nothing else knows the file's name. It loads no database."""

from pathlib import Path

RECORDS_FILE = "incidents.sqlite"


def has_records(folder: Path) -> bool:
    """Say whether records are kept in a folder."""
    return (folder / RECORDS_FILE).exists()


def url_of(folder_or_url: str | Path) -> str:
    """Return the database's URL: of the file in a folder, or the URL as given."""
    text = str(folder_or_url)
    return text if "://" in text else f"sqlite:///{Path(text, RECORDS_FILE)}"
