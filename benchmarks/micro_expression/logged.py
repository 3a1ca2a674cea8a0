"""STSTNet's own logged predictions, scored again by affectfuse's metrics.

    python benchmarks/micro_expression/logged.py STSTNet_python_logfile.txt STSTNet_logfile.txt
    python benchmarks/micro_expression/logged.py --against predictions.csv STSTNet_logfile.txt

The second form holds the MATLAB log against a run of `affectfuse crossval`, clip by clip.

The logs come with the authors' code, https://github.com/christy1206/STSTNet. The Python log lists a
subject's predictions and labels; the MATLAB log has one clip a line: name, label, prediction (its
second column is the composite's own label in all 442 lines).

The paper gives UF1 .7353 and UAR .7605 for the MATLAB log. UF1 is the same with labels and
predictions exchanged; recall then is precision. .7605 is the mean precision of the logged
predictions, and their UAR is .7186.
"""

from __future__ import annotations

import re
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np

from affectfuse.containers import Array
from affectfuse.errors import DatasetError
from affectfuse.evaluation.confusion import confusion_matrix, scores
from affectfuse.evaluation.recognition import Predictions, compare
from affectfuse.training.recognition.crossval import read_predictions

CLASSES = 3
_LISTS = re.compile(r"Predicted\s*:\s*\[([\d, ]*)\]\s*Ground Truth\s*:\s*\[([\d, ]*)\]")
_NAMED = re.compile(r"^(\S+) (\S+)(?: ([0-2]))?\s*$", re.MULTILINE)
_CLIP = re.compile(r"^\S+ ([0-2]) ([0-2])\s*$", re.MULTILINE)


def read_log(path: Path) -> tuple[Array, Array]:
    """Return the labels and the predictions of a log, pooled over its subjects.

    Raises:
        DatasetError: when the file holds neither kind of log, or its lists differ in length.
    """
    text = path.read_text("utf-8", errors="replace")
    labels: list[int] = []
    predictions: list[int] = []
    for predicted, labelled in _LISTS.findall(text):
        parts = [[int(n) for n in part.split(",")] for part in (labelled, predicted)]
        if len(parts[0]) != len(parts[1]):
            raise DatasetError(
                f"{path}: {len(parts[1])} predictions for the {len(parts[0])} labels [{labelled}]; "
                "they must be as many."
            )
        labels += parts[0]
        predictions += parts[1]
    for labelled, predicted in _CLIP.findall(text) if not labels else ():
        labels.append(int(labelled))
        predictions.append(int(predicted))
    if not labels:
        raise DatasetError(f"{path} holds no predictions: give one of STSTNet's log files.")
    return np.array(labels), np.array(predictions)


def read_named(path: Path, like: Predictions) -> Predictions:
    """Return the MATLAB log's predictions of the clips of a run, in its order.

    Raises:
        DatasetError: when the log lacks a clip.
    """
    found: dict[str, tuple[int, int]] = {}
    subject = ""
    for name, second, third in _NAMED.findall(path.read_text("utf-8", errors="replace")):
        if third:
            found[f"{subject}_{name}"] = int(second), int(third)
        else:
            subject = second
    for key in like.keys.tolist():
        if key not in found:
            raise DatasetError(f"{path} has no prediction of the clip '{key}'.")
    labels, said = np.array([found[key] for key in like.keys.tolist()]).T
    return replace(like, labels=labels, probabilities=np.eye(CLASSES)[said][None])


def main(paths: list[str]) -> None:
    """Print a line a log."""
    if not paths:
        sys.exit(__doc__)
    if paths[0] == "--against":
        ours = read_predictions(Path(paths[1]))
        found = compare(ours, read_named(Path(paths[2]), ours), draws=10_000, seed=0)
        print(
            f"UF1 of the run minus that of the log: {found.uf1.value:+.3f} [{found.uf1.low:+.3f}, "
            f"{found.uf1.high:+.3f}], paired by subject, p = {found.p_value:.4f}"
        )
        return
    for name in paths:
        labels, predictions = read_log(Path(name))
        scored = scores(confusion_matrix(labels, predictions, CLASSES))
        exchanged = scores(confusion_matrix(predictions, labels, CLASSES))
        print(
            f"{Path(name).name}: {len(labels)} clips, UF1 {scored['uf1']:.4f}, "
            f"UAR {scored['uar']:.4f}, accuracy {scored['accuracy']:.4f}; labels and predictions "
            f"exchanged: UF1 {exchanged['uf1']:.4f}, UAR {exchanged['uar']:.4f}"
        )


if __name__ == "__main__":
    main(sys.argv[1:])
