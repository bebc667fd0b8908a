"""Documents are read from the text of a search, as tau2 v1 writes it."""

from __future__ import annotations

import pytest

from tau2_logging.events.retrieval_tools import documents_in, found_fields, ids_in, is_retrieval, query_of, required_of

ANSWER = (
    "1. Internal: Opening\n   ID: doc_(general)_001\n   Score: 12.0412\n   Content: ## Steps\n1. Verify\n2. Open\n\n"
    "2. Fees\n   ID: doc_fees_002\n   Score: -0.5000\n   Content: none\n\n\n[Timing: retrieval=3ms, total=3ms]"
)


def test_listed_documents_are_read_in_their_order() -> None:
    found = documents_in("KB_search", ANSWER)
    assert [(one.id, one.title) for one in found or ()] == [("doc_(general)_001", "Internal: Opening"), ("doc_fees_002", "Fees")]


def test_a_list_that_a_document_quotes_is_not_part_of_the_answer() -> None:
    quoted = ANSWER.replace("## Steps", "1. Quoted\n   ID: doc_quoted\n   Score: 1.0000\n")
    assert documents_in("grep", quoted) == documents_in("grep", ANSWER)


@pytest.mark.parametrize(
    ("function", "answer", "found"),
    [
        ("KB_search", "No relevant documents found.\n\n[Timing: retrieval=1ms, total=1ms]", ()),
        ("grep", "No matches found for pattern: x", ()),
        ("grep", "something else", None),
        ("shell", ANSWER, None),
    ],
)
def test_nothing_found_is_told_from_an_answer_that_does_not_tell(function: str, answer: str, found: tuple[()] | None) -> None:
    assert documents_in(function, answer) == found


def test_required_documents_are_found_by_id_or_title() -> None:
    fields = found_fields("KB_search", ANSWER, ("Fees", "doc_(general)_001", "doc_missing"), failed=False)
    assert fields == {
        "required": 3, "returned": 2, "documents": "doc_(general)_001,doc_fees_002", "required_found": "doc_(general)_001,doc_fees_002",
    }  # fmt: skip


def test_a_search_that_failed_has_found_nothing_and_one_without_a_task_requires_nothing() -> None:
    assert found_fields("KB_search", "Error: x", ("Fees",), failed=True) == {
        "required": 1, "returned": 0, "documents": "", "required_found": "",
    }  # fmt: skip
    assert "required_found" not in found_fields("KB_search", ANSWER, (), failed=False)


def test_ids_are_read_back() -> None:
    assert ids_in("a,b") == ("a", "b")
    assert ids_in("") == ()


def test_only_the_agents_tools_of_that_domain_search() -> None:
    assert is_retrieval("banking_knowledge@bm25", "grep", "assistant")
    assert not is_retrieval("banking_knowledge", "grep", "user")
    assert not is_retrieval("retail", "grep", "assistant")
    assert not is_retrieval("banking_knowledge", "get_order", "assistant")


def test_query_and_requirements_are_read_from_objects_and_json() -> None:
    assert query_of("grep", {"pattern": "fee"}) == "fee"
    assert query_of("grep", "{") is None
    assert required_of({"required_documents": ["a"]}) == ("a",)
    assert required_of({"required_documents": None}) == required_of(object()) == ()
