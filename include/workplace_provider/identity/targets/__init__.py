"""Systems with accounts: SCIM services, described REST services, and CSV, JSON and YAML files."""

from typing import TYPE_CHECKING

from workplace_provider.lazy_exports import lazy_exports

if TYPE_CHECKING:
    from workplace_provider.identity.targets.csv_file import CsvTarget
    from workplace_provider.identity.targets.description import Description, describe, load
    from workplace_provider.identity.targets.rest import RestTarget
    from workplace_provider.identity.targets.scim import ScimTarget
    from workplace_provider.identity.targets.text_files import JsonTarget, YamlTarget
else:
    __getattr__, __dir__ = lazy_exports(
        __name__,
        {
            "csv_file": ["CsvTarget"],
            "description": ["Description", "describe", "load"],
            "rest": ["RestTarget"],
            "scim": ["ScimTarget"],
            "text_files": ["JsonTarget", "YamlTarget"],
        },
    )

__all__ = ["CsvTarget", "Description", "JsonTarget", "RestTarget", "ScimTarget", "YamlTarget", "describe", "load"]
