"""Timing: closed forms to the nanosecond, and the defects that each of them sees."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from jurat_sim.timing import CLOSED_FORMS, GRACE_NS, ClosedForm, TimingFailed, measure

if TYPE_CHECKING:
    from jurat_sim.stage import Stage

each_form = pytest.mark.parametrize("form", CLOSED_FORMS, ids=[form.name for form in CLOSED_FORMS])


@each_form
def test_a_shutdown_lasts_exactly_as_long_as_its_closed_form_says(form: ClosedForm) -> None:
    """No tolerance: the virtual nanoseconds are equal."""
    assert measure(form).measured_ns == form.expected_ns


@each_form
def test_a_defect_of_time_breaks_the_closed_form(form: ClosedForm) -> None:
    """The worker with the defect does not last as long, so the comparison can fail."""
    measurement = measure(form)
    assert measurement.defect_ns != form.expected_ns
    assert measurement.holds
    assert measurement.can_fail


def test_the_numbers_are_odd_enough_to_show_rounding() -> None:
    """A closed form whose value is a whole microsecond would hide a rounding to microseconds."""
    assert all(form.expected_ns % 1_000 for form in CLOSED_FORMS if form.expected_ns)


def test_a_wrong_formula_does_not_hold() -> None:
    """One nanosecond off is off."""
    form = CLOSED_FORMS[1]
    wrong = ClosedForm(
        name=form.name,
        formula="grace + 1",
        expected_ns=GRACE_NS + 1,
        defect=form.defect,
        describe=form.describe,
    )
    assert not measure(wrong).holds


def test_a_run_that_does_not_end_has_no_length() -> None:
    """A worker that nobody stops is an error with the form's name, and not a measurement."""

    def never_stops(stage: Stage) -> None:
        stage.build_worker(threads=1).start()

    form = ClosedForm(name="endless", formula="none", expected_ns=0, defect="T01", describe=never_stops)
    with pytest.raises(TimingFailed, match=r"endless: stuck: steward waits at gate steward\.1"):
        measure(form)
