import itertools
import threading

import pytest

from rllib_remix.replay.prefetch import Prefetcher


@pytest.mark.parametrize("in_background", [False, True])
def test_batches_come_in_the_order_of_their_draws(in_background):
    counter = itertools.count()
    source = Prefetcher(lambda: next(counter), in_background=in_background)
    assert [source.next(another=another) for another in (True, True, False, True, False)] == [0, 1, 2, 3, 4]
    source.stop()
    assert next(counter) == 5  # Nothing was drawn that nobody asked for.


def test_the_next_batch_is_drawn_by_another_thread_while_this_one_is_in_use():
    threads, drawn = [], threading.Event()

    def draw() -> None:
        threads.append(threading.current_thread())
        if len(threads) == 2:
            drawn.set()

    source = Prefetcher(draw, in_background=True)
    source.next(another=True)
    assert drawn.wait(timeout=10)
    source.next(another=False)
    source.stop()
    assert threads[0] is threading.current_thread()
    assert threads[1] is not threading.current_thread()
    assert not threads[1].is_alive()


def test_a_draw_that_fails_ahead_fails_where_its_batch_is_asked_for():
    draws = iter([1])
    source = Prefetcher(lambda: next(draws), in_background=True)
    assert source.next(another=True) == 1
    with pytest.raises(StopIteration):
        source.next(another=False)
    source.stop()


def test_a_forgotten_batch_is_not_handed_out():
    counter = itertools.count()
    source = Prefetcher(lambda: next(counter), in_background=True)
    assert source.next(another=True) == 0
    source.forget()
    assert source.next(another=False) == 2
    source.stop()
