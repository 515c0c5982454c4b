"""The tree of scopes: a token and the scopes it owns."""

from engine.state import ROOT, Scope

TREE = Scope(
    id=ROOT,
    node="blok",
    children=(
        Scope(id="a", node="satu", children=(Scope(id="a/x", node="tiga"),)),
        Scope(id="b", node="dua"),
    ),
)


def test_a_scope_is_found_wherever_it_is():
    assert [TREE.find(one).node for one in (ROOT, "a", "a/x", "b")] == ["blok", "satu", "tiga", "dua"]
    assert TREE.find("c") is None


def test_moving_a_token_withdraws_the_scopes_it_owned():
    assert TREE.moved(ROOT, "akhir") == Scope(id=ROOT, node="akhir")
    assert TREE.moved("a", "empat").find("a/x") is None


def test_moving_a_token_leaves_all_others_where_they_are():
    moved = TREE.moved("a/x", "empat")
    assert [moved.find(one).node for one in (ROOT, "a", "a/x", "b")] == ["blok", "satu", "empat", "dua"]
    assert TREE.find("a/x").node == "tiga"
