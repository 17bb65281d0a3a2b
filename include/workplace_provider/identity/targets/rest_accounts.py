"""Reading accounts from the responses of a described service."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from workplace_provider.common.arguments import parse_bool
from workplace_provider.http.errors import BadResponse
from workplace_provider.identity import Account
from workplace_provider.identity.targets.json_paths import text_at, texts_at, value_at

if TYPE_CHECKING:
    from workplace_provider.identity.targets.description import Endpoint, ValueTest
    from workplace_provider.identity.targets.rest_client import RestClient


class AccountParser:
    """Finds accounts in the body of a response, and reads their fields."""

    def __init__(self, client: RestClient) -> None:
        self._client = client
        self._fields = client.description.account

    def items(self, endpoint: Endpoint, body: Any) -> list[Any]:
        """Return the accounts of a response as JSON.

        :raises BadResponse: the list of accounts is missing in the response
        """
        items = value_at(body, endpoint.items) if endpoint.items else body
        if items is None:
            if endpoint is self._client.description.list:
                # A missing list is not an empty list: otherwise every account would be created again.
                keys = ", ".join(sorted(body)) if isinstance(body, dict) else type(body).__name__
                problem = f"the response has no {endpoint.items or 'accounts'}; it has {keys}"
                raise self._client.bad_response(endpoint, problem)
            return []
        return items if isinstance(items, list) else [items]

    def has_id(self, item: Any) -> bool:
        """Return whether an account in a response has an id."""
        return value_at(item, self._fields.id) is not None

    def parse(self, item: Any) -> Account:
        """Return an account.

        :raises BadResponse: it has no id
        """
        fields = self._fields
        account_id = value_at(item, fields.id)
        if account_id is None:
            advice = "check account.id of the description"
            raise BadResponse(f"an account has no {fields.id}", system=self._client.system, advice=advice)
        values = {name: value_at(item, path) for name, path in fields.attributes.items()}
        return Account(
            id=str(account_id),
            external_id=text_at(item, fields.external_id),
            user_name=text_at(item, fields.user_name),
            emails=tuple(address for path in fields.emails for address in texts_at(item, path)),
            active=True if fields.active is None else _holds(fields.active, item),
            attributes={name: value for name, value in values.items() if value not in (None, "")},
            admin=None if fields.admin is None else _holds(fields.admin, item),
        )


def _holds(test: ValueTest, item: Any) -> bool:
    value = value_at(item, test.path)
    if isinstance(test.equals, bool):
        return parse_bool(False if value is None else value, test.path) == test.equals
    return value in test.equals if isinstance(test.equals, list) else bool(value == test.equals)
