"""One suite for every engine below the index: the embedded shard, and QdrantVectorStore on an in-memory client.

The second is not a live Qdrant server: none can be installed where these tests run.
"""

import hashlib
import re
import warnings
from collections.abc import AsyncIterator, Sequence

import numpy as np
import pytest

from retrieval.index import Index, open_index
from retrieval.types import Document, Progress, SourceError, Vectors


class HashEmbedder:
    """Bags of words as vectors: near for the same words, made in no time; counts what it was asked to embed."""

    dim = 96

    def __init__(self, name: str = "hash") -> None:
        self.name = name
        self.embedded: list[str] = []

    def embed_sync(self, texts: Sequence[str]) -> Vectors:
        self.embedded.extend(texts)
        made = np.full((len(texts), self.dim), 1e-3, dtype=np.float32)
        for row, text in enumerate(texts):
            for word in re.findall(r"\w+", text.lower()):
                made[row, int(hashlib.md5(word.encode()).hexdigest(), 16) % self.dim] += 1
        return made / np.linalg.norm(made, axis=1, keepdims=True)

    async def query(self, text: str) -> Vectors:
        return self.embed_sync([text])[0]

    async def embed(self, texts: Sequence[str], progress: Progress | None = None) -> Vectors:
        return self.embed_sync(texts)


class Articles:
    """A source whose articles the test changes."""

    def __init__(self, **articles: str) -> None:
        self.articles = articles
        self.locale: dict[str, str] = {}
        self.audience: dict[str, str] = {}
        self.tags: dict[str, tuple[str, ...]] = {}

    async def documents(self) -> list[Document]:
        return [
            Document(
                f"{name}.md", name.capitalize(), f"https://shop.example/{name}", self.locale.get(name),
                self.audience.get(name), text, hashlib.sha256(text.encode()).hexdigest(),
                self.tags.get(name, ()),
            )
            for name, text in self.articles.items()
        ]  # fmt: skip


@pytest.fixture(params=["edge", "qdrant"])
async def index(request, tmp_path) -> AsyncIterator[Index]:
    embedder = HashEmbedder()
    if request.param == "edge":
        made = open_index(tmp_path, embedder=embedder)
    else:
        from qdrant_client import AsyncQdrantClient

        from retrieval.qdrant import QdrantEngine

        warnings.filterwarnings("ignore", "Payload indexes have no effect", UserWarning)
        made = Index(QdrantEngine(AsyncQdrantClient(":memory:"), dim=96, name="hash"), embedder)
    yield made
    await made.close()


RETURNS = "# Returns\n\nReturn anything within 30 days.\n\n## Sale items\n\nSale items go back within **14 days**.\n"
SHIPPING = "# Shipping\n\nWe ship to Norway and Sweden. Parcels take 3 days.\n"


async def test_what_was_synced_is_found_with_title_heading_url_and_exact_offsets(index):
    await index.sync("a", [Articles(returns=RETURNS, shipping=SHIPPING)])
    best = (await index.search("a", "how long for sale items?"))[0]
    assert (best.document, best.title, best.heading) == ("returns.md", "Returns", "Sale items")
    assert best.url == "https://shop.example/returns#sale-items"
    assert RETURNS[best.start : best.end] == best.raw == "Sale items go back within **14 days**."
    assert [RETURNS[s.start : s.end] for s in best.spans] == ["Sale items go back within **14 days**."]
    assert best.text == "Sale items go back within 14 days."
    assert best.hash == hashlib.sha256(RETURNS.encode()).hexdigest()


async def test_scores_fall_from_first_to_last_and_lie_between_0_and_1(index):
    await index.sync("a", [Articles(returns=RETURNS, shipping=SHIPPING)])
    scores = [passage.score for passage in await index.search("a", "ship to Norway", k=10)]
    assert len(scores) == 3
    assert scores == sorted(scores, reverse=True)
    assert all(0 <= score <= 1 for score in scores)
    assert len(await index.search("a", "ship to Norway", k=1)) == 1


async def test_no_site_ever_sees_another_sites_passages(index):
    await index.sync("a", [Articles(returns=RETURNS)])
    await index.sync("b", [Articles(shipping=SHIPPING, returns="Never send anything back.")])
    for query in ("return", "ship to Norway", "sale items", "never"):
        assert {passage.site for passage in await index.search("a", query, k=50)} == {"a"}
        assert {passage.site for passage in await index.search("b", query, k=50)} == {"b"}
    assert await index.search("c", "return") == []
    assert (await index.count("a"), await index.count("b"), await index.count("c")) == (2, 2, 0)


async def test_emptying_one_site_leaves_the_other(index):
    await index.sync("a", [Articles(returns=RETURNS)])
    await index.sync("b", [Articles(returns=RETURNS)])
    assert (await index.sync("a", [Articles()])).removed == 1
    assert (await index.count("a"), await index.count("b")) == (0, 2)


async def test_a_second_sync_embeds_nothing(index):
    source = Articles(returns=RETURNS, shipping=SHIPPING)
    first = await index.sync("a", [source])
    asked = len(index._embedder.embedded)
    again = await index.sync("a", [source])
    assert (first.added, first.unchanged) == (2, 0)
    assert (again.added, again.changed, again.removed, again.unchanged) == (0, 0, 0, 2)
    assert len(index._embedder.embedded) == asked


async def test_only_the_changed_document_is_embedded_and_its_old_words_are_gone(index):
    source = Articles(returns=RETURNS, shipping=SHIPPING)
    await index.sync("a", [source])
    index._embedder.embedded.clear()
    source.articles["shipping"] = "# Shipping\n\nWe ship to Portugal.\n"
    report = await index.sync("a", [source])
    assert (report.added, report.changed, report.removed, report.unchanged) == (0, 1, 0, 1)
    assert not any("Sale" in text for text in index._embedder.embedded)
    assert [p.text for p in await index.search("a", "ship", k=9) if p.document == "shipping.md"] == [
        "We ship to Portugal."
    ]


async def test_what_a_sync_would_change_is_known_before_it(index):
    old = await Articles(returns=RETURNS, shipping=SHIPPING, sizes="# Sizes\n\nBoots run small.\n").documents()
    await index.sync("shop", [Articles(returns=RETURNS, shipping=SHIPPING, sizes="# Sizes\n\nBoots run small.\n")])
    assert set((await index.compare("shop", old)).values()) == {"current"}
    new = Articles(returns=RETURNS, shipping=SHIPPING + "Or 4.\n", wrapping="We wrap gifts.\n", blank="\n")
    expected = {
        "returns.md": "current",
        "shipping.md": "changed",
        "sizes.md": "removed",
        "wrapping.md": "added",
        "blank.md": "empty",
    }
    assert await index.compare("shop", await new.documents()) == expected
    assert await index.compare("elsewhere", []) == {}
    report = await index.sync("shop", [new])
    assert (report.added, report.changed, report.removed, report.unchanged) == (1, 1, 1, 1)


async def test_a_removed_document_is_found_no_more(index):
    source = Articles(returns=RETURNS, shipping=SHIPPING)
    await index.sync("a", [source])
    del source.articles["returns"]
    assert (await index.sync("a", [source])).removed == 1
    assert {p.document for p in await index.search("a", "sale items return", k=9)} == {"shipping.md"}


async def test_progress_ends_at_the_number_of_documents_with_work(index):
    seen: list[tuple[int, int]] = []
    articles = {f"n{number}": f"Article number {number}." for number in range(20)}
    await index.sync("a", [Articles(**articles)], progress=lambda done, total: seen.append((done, total)))
    assert seen[-1] == (20, 20)
    assert seen == sorted(seen)


async def test_an_empty_article_is_counted_as_empty_and_never_embedded(index):
    source = Articles(blank="", returns=RETURNS)
    assert (await index.sync("a", [source])).empty == 1
    index._embedder.embedded.clear()
    again = await index.sync("a", [source])
    assert (again.empty, again.unchanged, index._embedder.embedded) == (1, 1, [])


async def test_two_documents_with_one_path_change_nothing_and_are_named(index):
    await index.sync("a", [Articles(shipping=SHIPPING)])
    with pytest.raises(SourceError, match=r"returns\.md"):
        await index.sync("a", [Articles(returns=RETURNS), Articles(returns=RETURNS)])
    assert await index.count("a") == 1


async def test_what_is_marked_for_staff_is_shown_only_to_who_asks_for_staff(index):
    source = Articles(shipping=SHIPPING, margins="Our margin in Norway is 40 percent.")
    source.audience["margins"] = "staff"
    await index.sync("a", [source])
    assert {p.document for p in await index.search("a", "margin Norway", k=9)} == {"shipping.md"}
    asked = await index.search("a", "margin Norway", k=9, audience=["staff"])
    assert {p.document for p in asked} == {"shipping.md", "margins.md"}


async def test_a_locale_prefers_its_language_and_one_without_articles_prefers_nothing(index):
    source = Articles(shipping=SHIPPING, versand="Wir liefern nach Norwegen. Pakete brauchen 3 Tage.")
    source.locale["versand"] = "de-AT"
    await index.sync("a", [source], locale="en")
    assert {p.document for p in await index.search("a", "Norwegen Paket", k=9, locale="de")} == {"versand.md"}
    assert {p.document for p in await index.search("a", "Norway", k=9, locale="en-GB")} == {"shipping.md"}
    assert len(await index.search("a", "Norway", k=9, locale="fr")) == 2


async def test_a_misspelt_word_still_finds_the_article(index):
    await index.sync("a", [Articles(returns=RETURNS, shipping=SHIPPING, gifts="# Gifts\n\nWe wrap gifts.\n")])
    assert (await index.search("a", "shipp to Norwya"))[0].document == "shipping.md"


async def test_documents_come_once_each_best_first(index):
    await index.sync("a", [Articles(returns=RETURNS, shipping=SHIPPING)])
    hits = await index.search_documents("a", "sale items return", 10)
    assert [hit.document for hit in hits] == ["returns.md", "shipping.md"]
    assert hits[0].url == "https://shop.example/returns#sale-items"
    assert [hit.document for hit in await index.search_documents("a", "sale items", 1)] == ["returns.md"]


async def test_questions_without_words_break_nothing(index):
    await index.sync("a", [Articles(returns=RETURNS)])
    assert await index.search("a", "   ") == []
    assert await index.search_documents("a", "") == []
    for query in ("?", "the", "😀", "a" * 4000, "\x00 \u202e", "'\" OR 1=1 --"):
        assert all(passage.site == "a" for passage in await index.search("a", query))


async def test_a_document_moved_to_another_url_is_indexed_again_with_it(index):
    source = Articles(returns=RETURNS)
    await index.sync("a", [source])

    class Moved:
        async def documents(self):
            (document,) = await source.documents()
            return [Document("returns.md", document.title, "https://new.example/r", None, None, RETURNS, document.hash)]

    assert (await index.sync("a", [Moved()])).changed == 1
    assert all(p.url.startswith("https://new.example/r") for p in await index.search("a", "returns", k=9))


@pytest.mark.parametrize("step", range(8))
async def test_a_sync_that_fails_at_any_step_leaves_a_usable_index_that_the_next_sync_repairs(index, step):
    source = Articles(returns=RETURNS, shipping=SHIPPING, gifts="We wrap gifts.")
    await index.sync("a", [source])
    source.articles |= {"returns": RETURNS.replace("14", "21"), "cards": "We sell gift cards."}
    del source.articles["gifts"]
    engine = index._engine
    calls = 0

    def breaking(name):
        real = getattr(engine, name)

        async def broken(*args, **kwargs):
            nonlocal calls
            calls += 1
            if calls == step + 1:
                raise OSError("the power went")
            return await real(*args, **kwargs)

        return broken

    for name in ("stored", "add", "remove", "settle"):
        setattr(engine, name, breaking(name))
    failed = False
    try:
        await index.sync("a", [source])
    except OSError:
        failed = True
    for name in ("stored", "add", "remove", "settle"):
        delattr(engine, name)
    assert failed == (step < 7)
    assert "shipping.md" in {p.document for p in await index.search("a", "ship to Norway", k=9)}
    assert any(p.heading == "Sale items" for p in await index.search("a", "sale items", k=9))
    await index.sync("a", [source])
    assert {p.document for p in await index.search("a", "gift returns ship", k=20)} == {
        "returns.md", "shipping.md", "cards.md",
    }  # fmt: skip
    assert await index.count("a") == 4
    assert [p.text for p in await index.search("a", "sale items", k=20) if p.heading] == [
        "Sale items go back within 21 days."
    ]


async def test_a_search_with_tags_finds_only_articles_that_have_one_of_them(index):
    articles = Articles(returns=RETURNS, shipping=SHIPPING, plain="# Plain\n\nReturn and ship to Norway, too.\n")
    articles.tags = {"returns": ("returns", "after"), "shipping": ("delivery",)}
    await index.sync("pk_a", [articles])

    async def found(*tags: str) -> set[str]:
        return {p.document for p in await index.search("pk_a", "return to Norway", k=9, tags=tags)}

    assert await found() == {"returns.md", "shipping.md", "plain.md"}
    assert await found("delivery") == {"shipping.md"}
    assert await found("after", "delivery") == {"returns.md", "shipping.md"}
    assert await found("nothing") == set()
    assert await found("delivery", "") == {"shipping.md", "plain.md"}


async def test_an_article_that_gets_another_tag_is_found_by_it_after_the_next_sync(index):
    articles = Articles(shipping=SHIPPING)
    articles.tags = {"shipping": ("old",)}
    await index.sync("pk_a", [articles])
    articles.tags = {"shipping": ("new",)}
    report = await index.sync("pk_a", [articles])
    assert report.changed == 1
    assert await index.search("pk_a", "Norway", tags=["old"]) == []
    assert len(await index.search("pk_a", "Norway", tags=["new"])) == 1
