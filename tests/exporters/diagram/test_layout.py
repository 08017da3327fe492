"""Where boxes are put."""

from __future__ import annotations

from itertools import combinations

import pytest
from dflow.exporters.diagram.as_svg import _Drawing
from dflow.exporters.diagram.build import build_scene
from dflow.exporters.diagram.layout import arrange
from dflow.exporters.diagram.scene import Cluster, boxes
from diagram_kit import call, graph, random_dag, steps
from hypothesis import given
from hypothesis import strategies as st

SIZES = st.lists(st.tuples(st.floats(1, 300), st.floats(1, 100)), min_size=1, max_size=40)


@st.composite
def graphs(draw):
    sizes = draw(SIZES)
    index = st.integers(0, len(sizes) - 1)
    return sizes, draw(st.lists(st.tuples(index, index), max_size=80))


def overlap(a, b):
    (x1, y1, w1, h1), (x2, y2, w2, h2) = a, b
    gap = 0.01
    return x1 + gap < x2 + w2 and x2 + gap < x1 + w1 and y1 + gap < y2 + h2 and y2 + gap < y1 + h1


@given(graphs())
def test_boxes_do_not_overlap_and_lie_inside_of_the_drawing(made):
    sizes, edges = made
    layout = arrange(sizes, edges)
    rectangles = [(*corner, *size) for corner, size in zip(layout.corners, sizes, strict=True)]
    assert not any(overlap(a, b) for a, b in combinations(rectangles, 2))
    for x, y, width, height in rectangles:
        assert x >= -0.01
        assert y >= 0
        assert x + width <= layout.width + 0.01
        assert y + height <= layout.height + 0.01


@given(graphs())
def test_lines_go_down_where_there_is_no_circle(made):
    sizes, edges = made
    downward = [(min(edge), max(edge)) for edge in edges if edge[0] != edge[1]]
    layout = arrange(sizes, downward)
    for a, b in downward:
        assert layout.corners[a][1] + sizes[a][1] < layout.corners[b][1]


def test_circles_are_cut_and_do_not_hang():
    layout = arrange([(10, 10)] * 3, [(0, 1), (1, 2), (2, 0), (1, 1)])
    assert [y for _, y in layout.corners] == sorted(y for _, y in layout.corners)


def test_nothing_has_no_size():
    assert arrange([], []).width == 0


def test_long_lines_pass_beside_the_boxes_of_the_rows_between():
    layout = arrange([(60, 20)] * 3, [(0, 1), (1, 2), (0, 2)])
    ((x, y),) = layout.bends[0, 2]
    left, top = layout.corners[1]
    assert top <= y <= top + 20
    assert not left < x < left + 60


def test_broad_rows_are_broken_so_that_the_drawing_stays_about_square():
    layout = arrange([(60, 40)] * 1000, [])
    assert 0.3 < layout.width / layout.height < 3


@pytest.mark.parametrize(
    "drawn",
    [
        random_dag(300),
        graph(
            steps("main", call("a", "inner"), (call("b"), call("c", "inner"))),
            steps("inner", (call("x"), call("y")), call("again", "inner")),
        ),
    ],
)
def test_what_is_in_a_cluster_is_inside_of_its_outline(drawn):
    scene = build_scene(drawn)
    drawing = _Drawing()
    drawing.place(scene.inside, scene.edges)
    drawing.move(scene.inside, 0, 0)
    for cluster in [item for item in boxes(scene.inside) if isinstance(item, Cluster)]:
        outer = drawing.rectangles[cluster.id]
        for item in cluster.inside:
            place = drawing.rectangles[item.id]
            assert outer.x < place.x
            assert place.right < outer.right
            assert outer.y < place.y
            assert place.bottom < outer.bottom
