"""A function has at most sixty lines, not counting its signature and docstring; a file has fewer than four hundred."""

import ast

FUNCTION_LINES_MAX = 60
FILE_LINES_MAX = 399

Function = ast.FunctionDef | ast.AsyncFunctionDef


def body_lines(function: Function) -> int:
    """Return how many lines the body takes, from its first statement after the docstring to its last."""
    body = function.body[1:] if ast.get_docstring(function, clean=False) is not None else function.body
    if not body:
        return 0
    return (body[-1].end_lineno or 0) - body[0].lineno + 1


def test_functions_are_within_sixty_lines(modules):
    lengths = {
        f"{module.path}:{node.lineno} {node.name}": body_lines(node)
        for module in modules
        for node in ast.walk(module.tree)
        if isinstance(node, Function)
    }

    assert {place: lines for place, lines in lengths.items() if lines > FUNCTION_LINES_MAX} == {}


def test_files_are_under_four_hundred_lines(modules):
    lengths = {str(module.path): len(module.text.splitlines()) for module in modules}

    assert {path: lines for path, lines in lengths.items() if lines > FILE_LINES_MAX} == {}


def test_a_docstring_and_a_signature_do_not_count():
    function = ast.parse(
        'def f(\n    a,\n    b,\n):\n    """One.\n\n    Two.\n    """\n    c = a\n    return c + b\n'
    ).body[0]

    assert isinstance(function, ast.FunctionDef)
    assert body_lines(function) == 2
