"""Page templates, from the experimental API of Confluence Data Center.

They are not in the published description. Source: the documentation of ``TemplateResource`` and the calls of
``atlassian-python-api`` (``get_template_by_id``, ``get_all_templates_from_space``); the text of the 404 is ours.
"""

from typing import Any

from fastapi import APIRouter
from fastapi.responses import Response

from workplace_sandbox.confluence.call import CallDep, DataCenterCall, respond
from workplace_sandbox.confluence.errors import RestError
from workplace_sandbox.confluence.expand import Expand
from workplace_sandbox.confluence.representation import DataCenterRepresentation
from workplace_sandbox.model import Template

router = APIRouter()


# Before the route with an id, which would match "page" as one.
@router.get("/template/page")
def list_templates(call: CallDep) -> Response:
    """List the templates of a space (``spaceKey``), without it the global ones; bodies only with ``expand=body``."""
    key = call.text("spaceKey")
    templates = call.store.templates(call.space(key).key if key else None) if call.user else []
    expand = call.expand()
    return respond(call.listing(templates, lambda template: _template(call, template, expand), with_bodies="body" in expand))


@router.get("/template/{template_id}")
def get_template(call: CallDep, template_id: str) -> Response:
    """Return a template with its body."""
    template = call.store.template(template_id) if call.user else None
    if template is None:
        raise RestError(404, f"No content template found with id: {template_id}")
    content = _template(call, template, Expand.parse(["body"]))
    return respond(content | {"_links": content["_links"] | call.top_links()})


def _template(call: DataCenterCall, template: Template, expand: Expand) -> dict[str, Any]:
    address = f"/rest/experimental/template/{template.id}"
    space = call.store.space(template.space_key) if template.space_key else None
    content: dict[str, Any] = {
        "templateId": template.id,
        "name": template.name,
        "description": template.description,
        "labels": [{"prefix": "global", "name": name, "label": name} for name in template.labels],
        "templateType": "page",
    }
    if space:
        content["space"] = DataCenterRepresentation(call).space(space, expand.into("space"))
    if "body" in expand:
        content["body"] = {"storage": {"value": template.body, "representation": "storage"}}
    waiting = {} if "body" in expand else {"body": address}
    return content | {"_links": {"self": f"{call.base}{address}"}, "_expandable": waiting}
