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


ALIKE = Scope(
    id=ROOT,
    node="per_bidang",
    children=(
        Scope(id="/per_bidang:a", node="blok", children=(Scope(id="/per_bidang:a/blok:b", node="satu"),)),
        Scope(id="/per_bidang:ab", node="dua"),
    ),
)


def test_scopes_whose_names_begin_alike_stay_apart():
    assert ALIKE.moved("/per_bidang:ab", "tiga").children[0] == ALIKE.children[0]
    assert ALIKE.moved("/per_bidang:ab", "tiga").children[1].node == "tiga"
    assert ALIKE.moved("/per_bidang:a", "tiga").children[1] == ALIKE.children[1]
    assert ALIKE.find("/per_bidang:ab").node == "dua"


def test_a_scope_that_is_not_there_moves_nothing():
    assert ALIKE.moved("/per_bidang:abc", "tiga") == ALIKE


def test_the_leaves_are_the_scopes_that_own_no_others():
    assert [one.id for one in ALIKE.leaves()] == ["/per_bidang:a/blok:b", "/per_bidang:ab"]
    assert [one.id for one in Scope(id=ROOT, node="satu").leaves()] == [ROOT]
