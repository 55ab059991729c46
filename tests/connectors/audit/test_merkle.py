"""The tree is that of RFC 6962, by its published vectors; proofs are checked by other code than what makes them."""

import random

import pytest

from connectors.audit.merkle import Frontier, Tree, leaf_hash, node_hash
from connectors.audit.proofs import is_consistent, is_included, root_by_definition

LEAVES = (
    "", "00", "10", "2021", "3031", "40414243", "5051525354555657", "606162636465666768696a6b6c6d6e6f",
)  # fmt: skip
ROOTS = (
    "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
    "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
    "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
    "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
    "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
    "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
    "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
    "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
    "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
)


def leaves(count):
    return [leaf_hash(str(number).encode()) for number in range(count)]


def test_the_roots_of_the_published_leaves_are_the_published_ones():
    hashes = [leaf_hash(bytes.fromhex(leaf)) for leaf in LEAVES]
    frontier, grown = Frontier(), [Frontier().root().hex()]
    for hash_ in hashes:
        frontier.extend([hash_])
        grown.append(frontier.root().hex())

    assert tuple(grown) == ROOTS
    assert tuple(Tree(hashes).root(size).hex() for size in range(9)) == ROOTS
    assert tuple(root_by_definition(hashes[:size]).hex() for size in range(9)) == ROOTS


def test_the_hashes_of_the_published_leaf_and_node_are_the_published_ones():
    assert leaf_hash(b"L123456").hex() == "395aa064aa4c29f7010acfe3f25db9485bbd4b91897b6ad7ad547639252b4d56"
    assert (
        node_hash(b"N123", b"N456").hex()
        == "aa217fe888e47007fa15edab33c2b492a722cb106c64667fc2b044444de66bbb"
    )


@pytest.mark.parametrize("steps", [(1,), (3,), (64,), (1, 2, 3, 5, 8, 13), (7, 100, 1)])
def test_a_tree_that_grows_in_any_steps_has_the_root_of_the_definition(steps):
    hashes, frontier, at = leaves(300), Frontier(), 0

    for number in range(1_000):
        if at >= len(hashes):
            break
        step = hashes[at : at + steps[number % len(steps)]]
        frontier.extend(step)
        at += len(step)

        assert (frontier.size, frontier.root()) == (at, root_by_definition(hashes[:at]))


def test_every_leaf_of_every_tree_is_proved_to_be_in_it():
    hashes = leaves(70)
    tree = Tree(hashes)

    assert all(
        is_included(hashes[leaf], leaf, size, tree.inclusion(leaf, size), tree.root(size))
        for size in range(1, 71)
        for leaf in range(size)
    )


def test_every_tree_is_proved_to_go_on_from_every_smaller_one():
    tree = Tree(leaves(70))

    assert all(
        is_consistent(older, size, tree.consistency(older, size), tree.root(older), tree.root(size))
        for size in range(1, 71)
        for older in range(1, size + 1)
    )


def test_no_inclusion_proof_survives_a_change_of_leaf_place_size_path_or_root():
    hashes, chance = leaves(50), random.Random(4)
    tree, other = Tree(hashes), leaf_hash(b"another")
    survived = []

    for size in range(2, 51):
        leaf = chance.randrange(size)
        path, root = tree.inclusion(leaf, size), tree.root(size)
        spoilt = chance.randrange(len(path))
        survived += [
            is_included(other, leaf, size, path, root),
            is_included(hashes[leaf], (leaf + 1) % size, size, path, root),
            is_included(hashes[leaf], leaf, size, path[:-1], root),
            is_included(hashes[leaf], leaf, size, [*path, other], root),
            is_included(hashes[leaf], leaf, size, [*path[:spoilt], other, *path[spoilt + 1 :]], root),
            is_included(hashes[leaf], leaf, size, path, other),
        ]

    assert not any(survived)


def test_no_inclusion_proof_is_one_in_a_tree_of_another_depth_or_of_a_leaf_that_the_tree_has_not():
    hashes = leaves(8)
    tree = Tree(hashes)
    path, root = tree.inclusion(0, 4), tree.root(4)

    assert is_included(hashes[0], 0, 4, path, root)
    assert not is_included(hashes[0], 0, 8, path, root)
    assert not is_included(hashes[0], 1, 1, [], hashes[0])
    assert not is_included(hashes[0], -1, 1, [], hashes[0])
    assert not is_included(hashes[0], 0, 0, [], hashes[0])


def test_no_consistency_proof_is_one_of_trees_of_other_sizes_or_of_nothing():
    tree = Tree(leaves(16))
    path, older, root = tree.consistency(3, 4), tree.root(3), tree.root(4)

    assert is_consistent(3, 4, path, older, root)
    assert not is_consistent(3, 8, path, older, root)
    assert not is_consistent(4, 3, path, root, older)
    assert not is_consistent(0, 4, path, tree.root(0), root)
    assert not is_consistent(4, 4, path, root, root)
    assert not is_consistent(3, 4, [], older, root)


def test_no_consistency_proof_survives_a_rewritten_leaf_of_the_older_tree():
    hashes = leaves(40)
    tree = Tree(hashes)
    survived = [
        is_consistent(older, 40, rewritten.consistency(older), tree.root(older), rewritten.root())
        for older in range(1, 41)
        for leaf in range(0, older, 3)
        if (rewritten := Tree([*hashes[:leaf], leaf_hash(b"rewritten"), *hashes[leaf + 1 :]]))
    ]

    assert survived
    assert not any(survived)


def test_places_that_a_tree_has_not_are_refused():
    tree = Tree(leaves(5))

    with pytest.raises(ValueError, match="a leaf of a tree of 5 is from 0 to 4; 5 was given"):
        tree.inclusion(5)
    with pytest.raises(ValueError, match="an older tree of 5 leaves has from 1 to 5; 0 was given"):
        tree.consistency(0)
    with pytest.raises(ValueError, match="this tree has 5 leaves; one of 6 was asked for"):
        tree.root(6)
    with pytest.raises(ValueError, match="this tree has 5 leaves; one of -1 was asked for"):
        tree.root(-1)
    with pytest.raises(ValueError, match="a tree of 5 leaves has 2 full subtrees; 1 were given"):
        Frontier(5, [b""])


def answered(ask):
    """Return a path, or that it cannot be given."""
    try:
        return ask()
    except ValueError:
        return None


@pytest.mark.parametrize("size", [1, 2, 7, 8, 33])
def test_a_tree_whose_first_leaves_are_gone_gives_the_paths_of_the_whole_one(size):
    hashes = leaves(size)
    whole = Tree(hashes)

    for gone in range(size + 1):
        before = Frontier()
        before.extend(hashes[:gone])
        tree = Tree(hashes[gone:], before)
        for leaf in range(size):
            path = answered(lambda leaf=leaf, tree=tree: tree.inclusion(leaf))
            assert path == whole.inclusion(leaf) or (path is None and leaf < gone)
        for older in range(1, size + 1):
            path = answered(lambda older=older, tree=tree: tree.consistency(older))
            assert path == whole.consistency(older) or (path is None and older < gone)
        assert (len(tree), tree.root()) == (size, whole.root())
