"""Distance to the mean: the trivial baseline that every results table shows."""

from __future__ import annotations

from typing import Any, ClassVar

from anomaly_lab.contract import Array, Card, Case, Detector, Failure


class CentroidDetector(Detector):
    """Squared Euclidean distance to the mean of the fitting rows.

    It knows nothing of how features go together. A method that does not beat it has learnt
    nothing that the mean does not know.

    Attributes
    ----------
    center_ : ndarray of shape (d,)
        Mean of the fitting rows.

    Examples
    --------
    >>> import numpy as np
    >>> from anomaly_lab import CentroidDetector
    >>> rows = np.array([[0.0, 1.0], [0.0, -1.0], [1.0, 0.0], [-1.0, 0.0]])
    >>> CentroidDetector().fit(rows).anomaly_score([[0.0, 0.0], [3.0, 4.0]])
    array([ 0., 25.])
    """

    card: ClassVar[Card] = Card(
        name="centroid",
        title="Distance to the mean",
        idea="Normal rows lie around their mean. The further from it, the more anomalous.",
        score="squared Euclidean distance to the mean, in squared units of the (scaled) features",
        works="Anomalies are extreme in single features, and the normal rows form one round cloud.",
        fails="Anomalies lie inside the range of every feature and only their combination is odd; "
        "the normal rows form several groups or a curve.",
        cost="fit O(nd), score O(nd)",
        reference="The classical baseline; compare R. A. Fisher (1936), "
        "doi:10.1111/j.1469-1809.1936.tb02137.x, for distances that know about correlation.",
        formula=r"\lVert x - \bar{x} \rVert^2 = \sum_{j=1}^{d} (x_j - \bar{x}_j)^2",
        failure=Failure(
            cause="Normal rows lie around a hole. The mean is in its middle, where no normal row "
            "is, and an anomaly there scores lowest of all.",
            case=Case("shapes/ring"),
            cure=Case("shapes/disc"),
        ),
    )

    def _fit(self, X: Array) -> Array:
        self.center_ = X.mean(axis=0)
        return self._anomaly_score(X)

    def _anomaly_score(self, X: Array) -> Array:
        return self._contributions(X).sum(axis=1)

    def _contributions(self, X: Array) -> Array:
        return (X - self.center_) ** 2

    def _draw(self, ax: Any, row: Array) -> None:
        """A line leads from the row to the mean, the cross; squared, it is the score."""
        ax.plot(*zip(row, self.center_, strict=True), color="black")
        ax.plot(*self.center_, "+", color="black", markersize=10, markeredgewidth=2)
