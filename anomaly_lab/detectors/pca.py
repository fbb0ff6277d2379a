"""Principal components: what a linear encoder and decoder cannot rebuild."""

from __future__ import annotations

from typing import Any, ClassVar, Literal

import numpy as np
from sklearn.decomposition import PCA

from anomaly_lab.contract import Array, Card, Case, Count, Detector, Failure, Share, Sweep
from anomaly_lab.errors import InputError


class PCADetector(Detector):
    """Squared error of rebuilding a row from its leading principal components.

    Parameters
    ----------
    variance : float, default 0.7
        Share of the fitting rows' variance that the kept components hold, in (0, 1). Over 25
        tables a share of 0.6 to 0.8 served best whether features were z-scored or min-max scaled;
        with 0.9 and more the residual is too small a room for anomalies to show in.
    n_components : int, optional
        Number of components to keep instead, from 1 to d - 1.
    distance : {"residual", "mahalanobis"}, default "residual"
        ``"residual"``: squared distance to the plane of the kept components. ``"mahalanobis"``:
        squared Mahalanobis distance with all components, which also sees rows that are extreme
        *within* the plane; `variance` and `n_components` then play no part.

    Attributes
    ----------
    mean_ : ndarray of shape (d,)
        Mean of the fitting rows.
    components_ : ndarray of shape (k, d)
        The kept principal directions, orthonormal.
    explained_variance_ratio_ : ndarray of shape (k,)
        Share of the variance along each kept direction.

    References
    ----------
    Jackson and Mudholkar, "Control procedures for residuals associated with principal component
    analysis", Technometrics 21 (1979), doi:10.1080/00401706.1979.10489779.
    """

    card: ClassVar[Card] = Card(
        name="pca",
        title="Principal component analysis",
        idea="Normal rows lie near a plane. Project a row onto it and measure what is lost.",
        score="squared distance to the plane, in squared units of the (scaled) features",
        works="Features are correlated, and normal rows vary along few straight directions.",
        fails="Normal rows lie on a curve, so that the plane also rebuilds points beside it; "
        "anomalies are extreme within the plane (use distance='mahalanobis' for these).",
        cost="fit O(nd² + d³), score O(nkd) for k components",
        reference="Jackson and Mudholkar (1979), doi:10.1080/00401706.1979.10489779",
        formula=r"\lVert (x - \bar{x}) - W^\top W (x - \bar{x}) \rVert^2, \quad "
        r"W \text{: the } k \text{ kept components, as rows}",
        sweep=Sweep(
            parameter="distance",
            values=("residual", "mahalanobis"),
            case=Case("shapes/diagonal"),
            effect="The residual sees what lies beside the line, however far along it; the "
            "Mahalanobis distance also closes the ends.",
        ),
        failure=Failure(
            cause="Normal rows lie along a bend, and a straight line cannot follow it: it passes "
            "through the empty inside, and the ends of the bend lie far from it.",
            case=Case("shapes/bow"),
            cure=Case("shapes/diagonal"),
        ),
    )

    def __init__(
        self,
        variance: Share = 0.7,
        n_components: Count | None = None,
        distance: Literal["residual", "mahalanobis"] = "residual",
    ):
        self.variance = variance
        self.n_components = n_components
        self.distance = distance

    def _fit(self, X: Array) -> Array:
        self._require_fewer_components(X.shape[1])
        self.mean_ = X.mean(axis=0)
        # Centred here, since covariance_eigh loses its digits to a large mean.
        solver = "covariance_eigh" if len(X) > X.shape[1] else "full"
        with np.errstate(invalid="ignore"):  # 0/0 where every row is the same
            pca = PCA(svd_solver=solver).fit(X - self.mean_)
        ratio = np.nan_to_num(pca.explained_variance_ratio_)
        k = self._count_components(ratio)
        self.components_ = pca.components_[:k]
        self.explained_variance_ratio_ = ratio[:k]
        if self.distance == "mahalanobis":
            self._whitener = _zca(pca.components_, pca.explained_variance_)
        return self._anomaly_score(X)

    def _anomaly_score(self, X: Array) -> Array:
        return self._contributions(X).sum(axis=1)

    def _contributions(self, X: Array) -> Array:
        centered = X - self.mean_
        if self.distance == "mahalanobis":
            return (centered @ self._whitener) ** 2
        return (centered - centered @ self.components_.T @ self.components_) ** 2

    def _draw(self, ax: Any, row: Array) -> None:
        """A dashed line leads from the row to the kept component; squared, it is the score."""
        if self.distance == "residual":
            foot = self.mean_ + (row - self.mean_) @ self.components_.T @ self.components_
            for direction in self.components_:
                ax.axline(self.mean_, self.mean_ + direction, color="black", linewidth=1)
            ax.plot(*zip(row, foot, strict=True), color="black", linestyle="--")

    def _count_components(self, ratio: Array) -> int:
        if self.n_components is not None:
            return int(self.n_components)
        # The smallest k that holds the share. At least one direction is left out, so one feature
        # leaves k = 0: the distance to the mean. So do rows that are all the same.
        k = int(np.searchsorted(np.cumsum(ratio), self.variance)) + 1
        return min(k, len(ratio) - 1, int(np.count_nonzero(ratio)))

    def _require_fewer_components(self, d: int) -> None:
        k = self.n_components
        if k is not None and k >= d:
            raise InputError(
                f"PCADetector: n_components must be below n_features={d}, got {k!r}: with all of "
                "them nothing is left to measure."
            )


def _zca(components: Array, variances: Array, floor: float = 1e-2) -> Array:
    """Whitening matrix, shape (d, d), whose outputs stay with their features (ZCA).

    Squared outputs sum to the Mahalanobis distance, so each is its feature's part. Variances below
    `floor` times the mean one are raised to it: directions without variance carry only rounding.
    Kessy, Lewin and Strimmer (2018), doi:10.1080/00031305.2016.1277159.
    """
    d = components.shape[1]
    least = floor * variances.sum() / d or 1.0  # 1 where every row is the same
    whitened = components / np.sqrt(np.maximum(variances, least))[:, None]
    # Directions beyond the k that the rows span (n < d) have variance 0, hence `least`.
    rest = np.eye(d) - components.T @ components
    return components.T @ whitened + rest / np.sqrt(least)
