"""Connections of the systems whose accounts are kept in step."""

from typing import TYPE_CHECKING

from workplace_provider.common.lazy_exports import lazy_exports

if TYPE_CHECKING:
    from workplace_provider.identity.hooks.accounts import account_target
    from workplace_provider.identity.hooks.rest import rest_target
    from workplace_provider.identity.hooks.scim import ScimHook
else:
    __getattr__, __dir__ = lazy_exports(
        __name__,
        {
            "accounts": ["account_target"],
            "rest": ["rest_target"],
            "scim": ["ScimHook"],
        },
    )

__all__ = ["ScimHook", "account_target", "rest_target"]
