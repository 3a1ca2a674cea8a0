"""What position tells, where there is one."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from evaluation.fused_planted import STATE, planted

from affectfuse.evaluation.position import probe_side_doors


@pytest.mark.filterwarnings("error")
def test_a_table_without_times_tells_nothing_of_position() -> None:
    whole = planted()
    nowhen = np.zeros(len(whole))
    timeless = replace(whole, times_s=nowhen, segments=nowhen.astype(int), durations_s=nowhen)
    known = {d.told_from: d.found.value for d in probe_side_doors(whole, STATE, 20, 0)}
    unknown = {d.told_from: d.found.value for d in probe_side_doors(timeless, STATE, 20, 0)}
    assert known["position in the session"] > 0.9
    assert np.isnan(unknown["position in the session"])
    assert np.isnan(unknown["length of the segment"])
