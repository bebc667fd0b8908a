"""A small banking_knowledge for releases of tau2 that have none: mock's tasks, and tools of the shape of tau2 v1's for searching."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from tau2.data_model.tasks import Task
from tau2.domains.mock.tools import MockTools
from tau2.environment.toolkit import ToolType, is_tool
from tau2.registry import registry

from tau2_logging.events.retrieval_tools import KNOWLEDGE

DOCUMENTS = {
    "doc_tasks_001": ("Creating tasks", "Tasks are created with create_task, for a user who is known."),
    "doc_tasks_002": (
        "Internal: Updating tasks",
        "A list of documents reads so:\n1. Another title\n   ID: doc_of_a_quotation\n   Score: 1.0000\n",
    ),
    "doc_users_(general)_001": ("Users", "Users have an id and a name."),
}
Rank = Callable[[str], Sequence[tuple[str, float]]]


def listed(found: Sequence[tuple[str, float]], nothing: str) -> str:
    """Documents as tau2 v1 lists them."""
    entries = [f"{n}. {DOCUMENTS[id_][0]}\n   ID: {id_}\n   Score: {score:.4f}\n   Content: {DOCUMENTS[id_][1]}\n"
               for n, (id_, score) in enumerate(found, 1)]  # fmt: skip
    return "\n".join(entries) if entries else nothing


def by_words(text: str) -> list[tuple[str, float]]:
    """Documents that hold a word of a text, those with the most first."""
    words = {word for word in text.lower().split() if len(word) > 3}
    scores = {id_: float(sum(word in " ".join(parts).lower() for word in words)) for id_, parts in DOCUMENTS.items()}
    return sorted(((id_, score) for id_, score in scores.items() if score), key=lambda pair: -pair[1])


def toolkit(rank: Rank) -> type[MockTools]:
    """mock's tools with a search that ranks by `rank`, and grep."""

    class KnowledgeTools(MockTools):
        @is_tool(ToolType.READ)
        def KB_search(self, query: str) -> str:
            """Search the knowledge base for relevant documents.

            Args:
                query: The search query to find relevant documents
            """
            return listed(rank(query), "No relevant documents found.\n\n[Timing: retrieval=0ms, total=0ms]")

        @is_tool(ToolType.READ)
        def grep(self, pattern: str) -> str:
            """Search for a regex pattern in all knowledge base documents.

            Args:
                pattern: The regex pattern to search for
            """
            if pattern == "boom":
                raise ValueError("the search is down")
            found = [(id_, 1.0) for id_, (_, content) in DOCUMENTS.items() if pattern.lower() in content.lower()]
            return listed(found, f"No matches found for pattern: {pattern}")

    return KnowledgeTools


class KnowledgeTask(Task):
    """A task that names the documents it requires, as tau2 v1's do."""

    required_documents: list[str] | None = None


@contextmanager
def knowledge_domain(required: Sequence[str], rank: Rank = by_words) -> Iterator[None]:
    """Have tau2 know the domain inside the block; each of its tasks requires these documents."""
    tools = toolkit(rank)

    def environment(**arguments: Any) -> Any:
        made = registry.get_env_constructor("mock")(**arguments)
        made.domain_name, made.tools = KNOWLEDGE, tools(made.tools.db)
        return made

    def tasks() -> list[Task]:
        return [
            KnowledgeTask(**{**task.model_dump(), "required_documents": list(required)}) for task in registry.get_tasks_loader("mock")()
        ]

    registry.register_domain(environment, KNOWLEDGE)
    registry.register_tasks(tasks, KNOWLEDGE)
    try:
        yield
    finally:
        del registry._domains[KNOWLEDGE], registry._tasks[KNOWLEDGE]
