"""Distance to the median, feature by feature."""

import numpy as np

from anomaly_lab.contract import Card, Case, Detector, Failure, Positive, Sweep


class MyDetector(Detector):
    """Count how many typical deviations a row lies from the median.

    Parameters
    ----------
    power : float, default 2
        Above 0. The larger, the more the feature with the largest deviation counts.
    """

    card = Card(
        name="my_detector",
        title="Distance to the median",
        idea="Count how many typical deviations a row lies from the median, by feature.",
        score="deviations in median absolute deviations, to a power, summed over features",
        works="Anomalies are extreme in a feature; a few among the fitting rows do no harm.",
        fails="Each feature is ordinary, and only their combination is odd.",
        cost="fit O(nd), score O(d) a row",
        reference="Iglewicz and Hoaglin, How to Detect and Handle Outliers (1993)",
        formula=r"\sum_j \left( \frac{|x_j - m_j|}{s_j} \right)^p",
        sweep=Sweep(
            "power", (1, 2, 8), Case("shapes/disc"), "The cutoff is a diamond, a circle, a square."
        ),
        failure=Failure(
            cause="Features go together, and an anomaly is where they do not.",
            case=Case("shapes/diagonal"),
            cure=Case("shapes/level"),
        ),
    )

    def __init__(self, power: Positive = 2):
        self.power = power

    def _fit(self, X):
        self.median_ = np.median(X, axis=0)
        deviation = np.median(np.abs(X - self.median_), axis=0)
        self.deviation_ = np.where(deviation > 0, deviation, 1)
        return self._anomaly_score(X)

    def _anomaly_score(self, X):
        return self._contributions(X).sum(axis=1)

    def _contributions(self, X):
        return (np.abs(X - self.median_) / self.deviation_) ** self.power

    def _draw(self, ax, row):
        """Lines lead from the median to the row, one feature after the other."""
        x, y = self.median_
        ax.plot([x, row[0], row[0]], [y, y, row[1]], color="black")
