from __future__ import annotations

import ast
import importlib
import pkgutil
import subprocess
import sys
from pathlib import Path
from types import ModuleType

import pytest

import workplace_provider

PACKAGES = [
    importlib.import_module(found.name)
    for found in pkgutil.walk_packages(workplace_provider.__path__, "workplace_provider.")
    if found.ispkg
]
LAZY = [package for package in PACKAGES if "__getattr__" in vars(package)]


def names_for_type_checkers(package: ModuleType) -> dict[str, str]:
    """Each name that a package imports for type checkers, with the module it comes from."""
    tree = ast.parse(Path(str(package.__file__)).read_text(encoding="utf-8"))
    blocks = [node for node in tree.body if isinstance(node, ast.If)]
    imports = [node for block in blocks for node in block.body if isinstance(node, ast.ImportFrom)]
    return {alias.name: str(node.module) for node in imports for alias in node.names}


def test_every_package_lists_its_public_names() -> None:
    packages = [workplace_provider, *PACKAGES]
    assert [package.__name__ for package in packages if not getattr(package, "__all__", None)] == []


@pytest.mark.parametrize("package", LAZY, ids=lambda package: package.__name__)
def test_a_package_exports_what_it_lists(package: ModuleType) -> None:
    declared = names_for_type_checkers(package)
    assert set(package.__all__) == set(declared)
    for name, module in declared.items():
        assert getattr(package, name) is getattr(importlib.import_module(module), name)
        assert name in dir(package)
    with pytest.raises(AttributeError, match=f"module '{package.__name__}' has no attribute 'no_such_name'"):
        package.no_such_name  # noqa: B018


def test_the_public_imports_are_there() -> None:
    program = """
from workplace_provider.common import Rows, WorkplaceRetryPolicy
from workplace_provider.confluence import connect
from workplace_provider.confluence.hooks import ConfluenceHook
from workplace_provider.confluence.operators import (
    ConfluenceAttachOperator, ConfluenceCopyPageOperator, ConfluenceCreatePageOperator, ConfluenceDocumentOperator,
    ConfluenceDraftOperator, ConfluenceExportOperator, ConfluenceUpdatePageOperator,
)
from workplace_provider.confluence.pages import Image, Link, PageDocument, Status, Storage, User, edits
from workplace_provider.confluence.sensors import ConfluencePageSensor
from workplace_provider.github.operators import GithubContributionsOperator
from workplace_provider.identity import Account, Directory, Identity, SyncPolicy, apply_plan, make_plan
from workplace_provider.identity.hooks import ScimHook
from workplace_provider.identity.operators import SlackDirectorySnapshotOperator, SlackUserSyncOperator
from workplace_provider.jira.operators import JiraIssuesOperator
from workplace_provider.notices.operators import NoticeBoardOperator
from workplace_provider.slack.hooks import SlackDirectoryHook, SlackSocketModeHook
from workplace_provider.slack.notifications import SlackAlarmNotifier, SlackPostNotifier
from workplace_provider.slack.operators import (
    SlackChannelReportOperator, SlackEventsOperator, SlackPostOperator, SlackWorkflowWebhookOperator,
)
from workplace_provider.slack.triggers import SlackSocketModeTrigger
from workplace_provider.tableau import TableauClient
from workplace_provider.tableau.hooks import TableauRestHook
from workplace_provider.tableau.operators import (
    TableauCrosstabExcelOperator, TableauExportBatchOperator, TableauViewDataOperator, TableauViewImageOperator,
    TableauViewPdfOperator,
)
from workplace_provider.tableau.sensors import TableauViewUpdatedSensor
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def test_one_operator_is_imported_without_the_others() -> None:
    program = (
        "import sys; from workplace_provider.confluence.operators import ConfluenceAttachOperator; "
        "print('workplace_provider.confluence.operators.export' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"
