"""Tools that search documents: which they are, and which documents the agent read in their answers.

tau2 v1's banking_knowledge gives its agent such tools (`--retrieval-config`). They answer with a text, live as in results files, and a text
is what the agent knows: so the documents are read from it.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from tau2_logging.events.domain_label import plain_domain

KNOWLEDGE = "banking_knowledge"
"""tau2's domain with documents."""

_QUERY_OF = {"KB_search": "query", "KB_search_bm25": "query", "KB_search_dense": "query", "grep": "pattern", "shell": "command"}
"""Tool -> argument that says what is searched for."""
_TELLS_NOTHING = frozenset(("shell",))
"""Tools whose answers are any text: it may hold parts of documents without their names."""
_FOUND_NOTHING = ("No relevant documents found.", "No matches found for pattern:")
_DOCUMENT = re.compile(r"^(\d+)\. (.*)\n   ID: (.+)\n   Score: -?\d+\.\d{4}$", re.MULTILINE)
_SEPARATOR = ","


@dataclass(frozen=True)
class Document:
    """A document as an answer names it."""

    id: str
    title: str


def is_retrieval(domain: str | None, function: str, requestor: str) -> bool:
    """Return whether a call of a tool searches documents. `domain` may be that of an arm."""
    return function in _QUERY_OF and requestor == "assistant" and domain is not None and plain_domain(domain) == KNOWLEDGE


def query_argument(function: str) -> str:
    """Return the argument of a tool that says what is searched for; empty for a tool that does not search."""
    return _QUERY_OF.get(function, "")


def query_of(function: str, arguments: object) -> str | None:
    """Return what a call searches for, None if it does not say."""
    query = arguments.get(_QUERY_OF[function]) if isinstance(arguments, Mapping) else None
    return None if query is None else str(query)


def documents_in(function: str, answer: str) -> tuple[Document, ...] | None:
    """Return the documents that an answer lists, best first; None if it does not tell. A document may quote a list of its own: entries
    count while their numbers go on."""
    if function in _TELLS_NOTHING:
        return None
    found: list[Document] = []
    for number, title, id_ in _DOCUMENT.findall(answer):
        if int(number) == len(found) + 1:
            found.append(Document(id_.strip(), title.strip()))
    return tuple(found) if found or answer.startswith(_FOUND_NOTHING) else None


def required_of(task: object) -> tuple[str, ...]:
    """Return the documents that a task requires, by id or title, of tau2's object or its JSON; none if the release tells of none."""
    named: Any = task.get("required_documents") if isinstance(task, Mapping) else getattr(task, "required_documents", None)
    return tuple(map(str, named or ()))


def found_fields(function: str, answer: str, required: Sequence[str], failed: bool) -> dict[str, object]:
    """Return the fields of retrieval_call that say what was found. A call that failed has found nothing."""
    documents = () if failed else documents_in(function, answer)
    fields: dict[str, object] = {"required": len(required) or None}
    if documents is None:
        return fields
    fields |= {"documents": _joined(one.id for one in documents), "returned": len(documents)}
    if required:
        fields["required_found"] = _joined(one.id for one in documents if one.id in required or one.title in required)
    return fields


def ids_in(text: str) -> tuple[str, ...]:
    """Return the ids that `documents` and `required_found` hold."""
    return tuple(text.split(_SEPARATOR)) if text else ()


def _joined(ids: Iterable[str]) -> str:
    return _SEPARATOR.join(dict.fromkeys(id_.replace(_SEPARATOR, " ") for id_ in ids))
