# ---
# title: Encoder, bottleneck, decoder
# objectives:
#   - build an encoder and a decoder in Keras, train them, and say what each of the two returns
#   - predict what a narrower or wider bottleneck keeps of a row, and compare it with PCA
#   - show by experiment what a bottleneck as wide as the row lets through
# needs: ["02"]
# data: [digits]
# ---

# %% [markdown]
# In [lesson 02](02_normal_has_a_shape.ipynb) a row was squeezed to its place on a line or a plane
# and put back. Whatever does not lie straight was lost. An
# [autoencoder](../glossary.md#autoencoder) does the same two steps with a network on either side,
# so the shape it keeps may bend. The network that squeezes is the **encoder**, the narrow place in
# the middle is the **bottleneck**, the network that puts back is the **decoder**.
#
# What does each of them do, what gets through, and how narrow should it be? The rows are images, so
# you can look at everything.

# %% tags=["hide"]
import itertools

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from scipy.linalg import subspace_angles
from sklearn.datasets import load_digits
from sklearn.metrics import roc_auc_score

from anomaly_lab import datasets, drawing, explorables, split, thresholds
from anomaly_lab.detectors import AutoencoderDetector, KNNDetector, PCADetector
from anomaly_lab.drawing import LOOKS, QUIET, STYLE, images, show
from anomaly_lab.neural import backend

plt.style.use(STYLE)
PURPLE, GREEN, OCHRE = (LOOKS[name][0] for name in ("autoencoder", "knn", "pca"))

# %% [markdown]
# ## A row is an image
#
# A row of `digits` is a handwritten digit of 8 by 8 pixels. Each pixel is a column, 0 for black and
# `16` for white. The anomalies are the nines: they are in the test rows only, so no network is
# fitted on one.

# %%
digits = datasets.load("digits")


def pixels_of(seed):
    """Fitting, held-back and test rows with pixels from 0 to 1, and the labels of the last."""
    parts = split(digits, seed=seed)
    tables = (parts.fit, parts.calibrate, parts.test)
    return *(table.to_numpy("float32") / 16 for table in tables), parts.test_labels


fit_rows, held_back, test_rows, labels = pixels_of(seed=0)
n_pixels = fit_rows.shape[1]

# %% tags=["hide"]
# Which digit each row shows: to pick and name examples, nothing learns from it.
shown = load_digits().target
parts = split(digits, seed=0)
shown_fit, shown_test = shown[parts.fit.index], shown[parts.test.index]
examples = []  # of each digit, the test row nearest to the mean of that digit
for digit in range(9):
    of_digit = np.flatnonzero(shown_test == digit)
    away = ((test_rows[of_digit] - test_rows[of_digit].mean(axis=0)) ** 2).sum(axis=1)
    examples.append(int(of_digit[away.argmin()]))

# %% tags=["claim"]
assert (load_digits().data == digits.X.to_numpy()).all(), "the digits' names go with these rows"
assert ((shown_test == 9) == labels).all() and 9 not in shown_fit, "the nines are the anomalies"

# %% [markdown]
# ## One layer
#
# A [neural network](../glossary.md#neural-network) is a chain of **layers**. A layer takes some
# numbers and returns others, in three steps: multiply by a matrix of **weights**, add a **bias**
# (one number an output), and bend. To bend is the work of the
# [activation](../glossary.md#activation); the commonest, [ReLU](../glossary.md#relu), turns
# negative values into zero. Here is a layer from all pixels to 5 numbers, its weights still random:


# %%
def layer(rows, weights, bias):
    return np.maximum(rows @ weights + bias, 0)  # ReLU


random_weights = np.random.default_rng(0).normal(size=(n_pixels, 5))
layer(fit_rows[:3], random_weights, np.zeros(5)).round(2)

# %% [markdown]
# Three rows came in, and each left as 5 numbers, none below zero. Each of the 5 outputs is called a
# *unit*. Without the bend, two layers one after the other would be one matrix times another, which
# is again one matrix: a chain of any length could do no more than one layer. The bend is what lets
# networks follow curves.
#
# ## Two networks and a narrow place
#
# The encoder goes from {{ n_pixels }} pixels through a layer of {{ n_pixels }} numbers (*hidden*,
# since it is neither input nor output) to the bottleneck. What the bottleneck holds for a row is
# the row's [code](../glossary.md#code): 8 numbers for now. The decoder goes the same way back. Its
# output is the [reconstruction](../glossary.md#reconstruction).

# %% tags=["fold"]
figure, ax = plt.subplots(figsize=(6.7, 2.6))
stops = [(0, 64, "row"), (1.3, 64, "hidden"), (2.9, 8, "code"), (4.5, 64, "hidden")]
stops += [(5.8, 64, "reconstruction")]
for (x0, n0, _), (x1, n1, _) in itertools.pairwise(stops):
    ends = [n0 / 2, n1 / 2]
    ax.fill_between([x0, x1], ends, [-e for e in ends], color=PURPLE, alpha=0.22, linewidth=0)
for x, n, name in stops:
    ax.plot([x, x], [-n / 2, n / 2], color="black", linewidth=5, solid_capstyle="butt")
    ax.text(x, -37, f"{name}\n{n} numbers", ha="center", va="top", fontsize=9)
ax.text(0.65, 0, "encoder", ha="center", va="center", fontsize=12)
ax.text(5.15, 0, "decoder", ha="center", va="center", fontsize=12)
ax.text(2.9, 16, "bottleneck", ha="center", va="bottom", fontsize=12)
ax.set(xlim=(-0.6, 6.5), ylim=(-54, 34))
ax.set_axis_off()
show(
    ax,
    "Five upright bars from left to right, as long as they hold numbers: row, hidden layer, code, "
    "hidden layer, reconstruction. The shape between them narrows like an hourglass. The left half "
    "is the encoder, the right half the decoder, the waist with the short bar is the bottleneck.",
)

# %% [markdown]
# In Keras, a `Dense` layer is our `layer`, and `Sequential` is a chain.
# `backend.load()` imports Keras on whatever backend is installed.

# %%
keras = backend.load()
dense = keras.layers.Dense


def build(width, seed):
    keras.utils.set_random_seed(seed)  # the first weights are random
    encoder = keras.Sequential([keras.Input((64,)), dense(64, "relu"), dense(width)])
    decoder = keras.Sequential([keras.Input((width,)), dense(64, "relu"), dense(64)])
    return encoder, decoder


def train(encoder, decoder, rows, epochs=40, rate=0.005, held_back=None):
    model = keras.Sequential([encoder, decoder])
    model.compile(optimizer=keras.optimizers.Adam(rate), loss="mse")
    checked = None if held_back is None else (held_back, held_back)
    # The rows go in, and the same rows are what should come out.
    past = model.fit(rows, rows, batch_size=64, epochs=epochs, validation_data=checked, verbose=0)
    return pd.DataFrame(past.history)


encoder, decoder = build(width=8, seed=0)
history = train(encoder, decoder, fit_rows, held_back=held_back)

# %% [markdown]
# Code and output layer have no activation, so that their numbers may take any value.
#
# **Training** starts from random weights and makes one number small, the
# [loss](../glossary.md#loss): here the mean squared difference between the pixels that went in and
# those that came out,
#
# $$\frac{1}{n d} \sum_{i=1}^{n} \lVert x_i - g(f(x_i)) \rVert^2 ,$$
#
# with encoder $f$ and decoder $g$. A step takes a [batch](../glossary.md#batch) of rows, computes
# which way each weight lowers their loss, and moves all weights a little that way. This is
# [gradient descent](../glossary.md#gradient-descent); `Adam` also sets the size of the steps. One
# pass over all fitting rows is an [epoch](../glossary.md#epoch). No label is used.

# %% tags=["fold"]
figure, ax = plt.subplots(figsize=(5.4, 2.9))
drawing.training_curve(history, ax=ax)

# %% tags=["claim"]
assert history["loss"].iloc[-1] < 0.25 * history["loss"].iloc[0], "the loss falls"
assert history["val_loss"].iloc[-1] > 1.05 * history["loss"].iloc[-1], "held-back rows: higher"
assert history["val_loss"].iloc[-1] < 1.1 * history["val_loss"].min(), "and still at their lowest"

# %% tags=["hide"]
gap = history["val_loss"].iloc[-1] / history["loss"].iloc[-1] - 1

# %% [markdown]
# The solid line is the loss of normal rows that were held back, the one that counts; a circle marks
# its lowest point. It ends {{ gap:.0%}} above the loss of the fitting rows, which the weights were
# made for. Were it to rise while the other falls, that would be
# [overfitting](../glossary.md#overfitting).
#
# ## In, code, out
#
# > **Predict.** {{ n_pixels }} pixels have become 8 numbers. Will you still be able to read the
# > digits that come out?

# %%
codes = np.asarray(encoder(test_rows))  # (rows, 8)
rebuilt = np.asarray(decoder(codes))  # (rows, 64)

# %% tags=["fold"]
picked = [examples[digit] for digit in (0, 3, 4)]
figure, axes = plt.subplots(3, 3, figsize=(6, 3.6), width_ratios=(1, 2.4, 1))
limit = np.abs(codes[picked]).max() * 1.1
for line, row in zip(axes, picked, strict=True):
    images(line[0], test_rows[[row]], vmax=1)
    images(line[2], rebuilt[[row]], vmax=1)
    line[1].bar(range(1, 9), codes[row], color=PURPLE, width=0.6)
    line[1].axhline(0, color=QUIET, linewidth=0.8)
    line[1].set(ylim=(-limit, limit), xticks=[], yticks=[])
    line[1].spines[["left", "bottom"]].set_visible(False)
for ax, title in zip(axes[0], ("row", "code", "reconstruction"), strict=True):
    ax.set_title(title, loc="center", pad=6, fontsize=10)
show(
    figure,
    "Three test rows, a zero, a three and a four. For each the image, its code as eight bars up "
    "and down from zero, and the image rebuilt from these eight numbers: a little blurred, but "
    "easy to read.",
)

# %% tags=["hide"]
fresh = labels == 0
share_lost = ((test_rows - rebuilt)[fresh] ** 2).sum() / (
    (test_rows[fresh] - fit_rows.mean(axis=0)) ** 2
).sum()

# %% tags=["claim"]
assert share_lost < 0.35, "most of the spread is kept"

# %% [markdown]
# The middle column is all that the decoder is given. The digits come back, a little smoothed (these
# are the test rows nearest to the mean of their digit). How much is lost? Take the squared
# distances of all *fresh* normal rows, those kept for testing, to the mean image and add them up:
# the reconstructions lose {{ share_lost:.0%}} of that sum. What digits have in common sits in the
# decoder's weights and need not be in the code. A single bar has no name: training chose all eight
# together.

# %%
weights = encoder.get_weights()
[array.shape for array in weights]

# %% [markdown] tags=["exercise"]
# ## Exercise 1: the encoder without Keras (7 minutes)
#
# `weights` holds the encoder's numbers in order: the first layer's matrix and bias, then the
# second's. Write `forward(weights, rows)`, which returns the codes. The first layer has a ReLU, the
# second has none.


# %% tags=["exercise"]
def forward(weights, rows):
    # BEGIN SOLUTION
    first, first_bias, second, second_bias = weights
    hidden = np.maximum(rows @ first + first_bias, 0)
    return hidden @ second + second_bias
    # END SOLUTION


# %% tags=["check"]
def check_1(forward, weights, test_rows, codes):
    """How does a layer compute its numbers? The function `layer` above shows it.

    Do it twice: what the first layer returns goes into the second.

    `layer` bends. The second layer must not: multiply and add only.
    """
    rng = np.random.default_rng(0)
    small = [rng.normal(size=shape) for shape in ((5, 4), (4,), (4, 3), (3,))]
    rows = rng.normal(size=(6, 5))
    wanted = np.zeros((6, 3))
    for i, row in enumerate(rows):
        hidden = [sum(row * small[0][:, j]) + small[1][j] for j in range(4)]
        for j in range(3):
            wanted[i, j] = small[3][j]
            for h in range(4):
                wanted[i, j] += small[2][h, j] * (hidden[h] if hidden[h] > 0 else 0)
    result = np.asarray(forward(small, rows))
    assert result.shape == (6, 3), f"6 rows and 3 code units, so (6, 3), not {result.shape}"
    straight = (rows @ small[0] + small[1]) @ small[2] + small[3]
    assert not np.allclose(result, straight), "nothing bends between the two layers"
    bent = np.allclose(result, np.maximum(wanted, 0))
    assert not bent, "codes may be negative: the second layer has no ReLU"
    assert np.allclose(result, wanted), "is each layer's bias added, before the bend?"
    same = np.allclose(forward(weights, test_rows), codes, atol=1e-4)
    assert same, "right for a small network, but not the codes that Keras gives for the test rows"


# %% tags=["wrong"]
# hint: nothing bends
def forward(weights, rows):
    return (rows @ weights[0] + weights[1]) @ weights[2] + weights[3]


# %% tags=["wrong"]
# hint: codes may be negative
def forward(weights, rows):
    return layer(layer(rows, weights[0], weights[1]), weights[2], weights[3])


# %% tags=["wrong"]
# hint: bias added
def forward(weights, rows):
    return np.maximum(rows @ weights[0], 0) @ weights[2]


# %% tags=["right"]
def forward(weights, rows):
    for i in (0, 2):
        rows = np.array([row @ weights[i] for row in np.asarray(rows)]) + weights[i + 1]
        if i == 0:
            rows = np.where(rows > 0, rows, 0.0)
    return rows


# %% [markdown] tags=["solution"]
# That is all a trained encoder is: two matrix products, two additions and one bend. With a ReLU on
# the code as well, no code could be negative; without the first ReLU, the encoder would be one
# matrix and one bias, as in PCA.

# %% [markdown]
# ## From 1 number to 32
#
# Now the width of the bottleneck. Each width is trained on 5 splits, with other first weights on
# each, and PCA with as many components is fitted to the same rows. All errors below are those of
# fresh rows. As a yardstick serves the mean image, given back for every row: a code of no number.

# %%
widths = [1, 2, 4, 8, 16, 32, 64]
seeds = range(5)
trained, runs = {}, []
for seed in seeds:
    X, _, T, y = pixels_of(seed)
    for width in widths:
        trained[width, seed] = enc, dec = build(width, seed)
        train(enc, dec, X)
        errors = {"autoencoder": ((T - np.asarray(dec(enc(T)))) ** 2).mean(axis=1)}
        errors["mean image"] = ((T - X.mean(axis=0)) ** 2).mean(axis=1)
        if width < n_pixels:  # with all components PCA loses nothing
            pca = PCADetector(n_components=width).fit(X)
            errors["PCA"] = pca.contributions(T).mean(axis=1)
        for name, error in errors.items():
            normal, nines = error[y == 0].mean(), error[y == 1].mean()
            runs.append((name, width, seed, normal, nines, roc_auc_score(y, error)))
runs = pd.DataFrame(runs, columns=["method", "width", "seed", "normal", "nines", "ROC-AUC"])
by_width = runs.pivot_table(index="width", columns="method", values="normal")
lost = by_width.div(by_width["mean image"], axis=0)  # share of the mean image's error

# %% [markdown]
# > **Predict.** From which width on will you be able to read the digits? Will the network always do
# > better than PCA?

# %% tags=["fold"]
narrow = widths[:-1]
strips = [test_rows[examples]]
strips += [np.asarray(trained[width, 0][1](trained[width, 0][0](strips[0]))) for width in narrow]
figure, ax = plt.subplots(figsize=(5.2, 4))
images(ax, np.concatenate(strips), columns=9, vmax=1)
for line, name in enumerate(["row", *narrow]):
    ax.text(-3, 9 * line + 3.5, name if line == 0 else f"width {name}", ha="right", va="center")
show(
    ax,
    "Top line: nine test rows, the digits zero to eight. Below, their reconstructions through "
    f"bottlenecks of {', '.join(map(str, narrow))}. Through the narrowest most are blurs or look "
    "like another digit; further down they sharpen, and the last line is much like the first.",
)

# %% tags=["fold"]
figure, ax = plt.subplots(figsize=(5, 3.2))
for name, colour, look in (("autoencoder", PURPLE, "o-"), ("PCA", OCHRE, "^-.")):
    ax.plot(narrow, 100 * lost.loc[narrow, name], look, color=colour)
ax.text(4.3, 59, "PCA", color=OCHRE)
ax.text(3.3, 31, "autoencoder", color=PURPLE, ha="right")
ax.set(xscale="log", yscale="log", xlabel="bottleneck", ylabel="error, mean image = 100")
ax.set_xticks(narrow, narrow)
ax.set_yticks([5, 10, 20, 50, 100], ["5", "10", "20", "50", "100"])
ax.minorticks_off()
last = narrow[-1]
show(
    ax,
    "Mean squared error of fresh normal rows by width of the bottleneck, in percent of the mean "
    "image's, both axes logarithmic. Both lines fall. At 8 the autoencoder loses "
    f"{lost.loc[8, 'autoencoder']:.0%} and PCA {lost.loc[8, 'PCA']:.0%}; at {last} PCA is the "
    f"lower one, with {lost.loc[last, 'PCA']:.1%} against {lost.loc[last, 'autoencoder']:.1%}.",
)

# %% tags=["hide"]
normal_error = runs.pivot(index=["seed", "width"], columns="method", values="normal")
lower = (normal_error["autoencoder"] < normal_error["PCA"]).unstack()[narrow].sum()
saved = 1 - by_width["autoencoder"] / by_width["PCA"]

# %% tags=["claim"]
assert (lower[[1, 2, 4, 8, 16]] == len(seeds)).all(), "up to 16 the network is lower in every seed"
assert lower[last] == 0, "at 32 PCA is lower in every seed"
assert 0.2 < saved[4] < 0.35 and 0.2 < saved[8] < 0.35 and saved[1] < 0.1
falls = normal_error["autoencoder"].unstack().diff(axis=1).iloc[:, 1:]
assert (falls < 0).all(axis=None), "each doubling of the width lowers the error, in every seed"

# %% [markdown]
# The wider, the smaller the error, in every split. At widths 4 and 8 the network loses
# {{ saved[4]:.0%}} and {{ saved[8]:.0%}} less than PCA, and at each width up to {{ narrow[-2] }} it
# is ahead in {{ lower[16] }} of {{ len(seeds) }} splits. A few numbers say more when the shape that
# they describe may bend, as [Hinton and Salakhutdinov
# (2006)](https://doi.org/10.1126/science.1127647) showed with deeper networks on larger images.
#
# At {{ last }} it is PCA that loses less, in {{ len(seeds) - lower[last] }} of {{ len(seeds) }}
# splits. PCA finds the best straight directions for the fitting rows exactly; our network takes
# small steps from random weights, and {{ len(history) }} epochs do not bring it as far. When
# straight is enough, PCA is the better buy.
#
# ## Without the bend: PCA's plane
#
# Take the hidden layers and their ReLU out. Encoder and decoder are now one matrix and one bias
# each, as PCA is a matrix and a mean. But PCA's matrix comes from a formula, and the network's from
# gradient steps.
#
# > **Predict.** Four code units against four principal components. Will the decoder find the same
# > directions?
#
# How different are two [subspaces](../glossary.md#subspace)? Take the direction of one that is
# farthest from the other, and measure the angle between them: the *largest principal angle*. At 0
# degrees the two are the same; at a right angle, one has a direction of which the other has
# nothing. A learning rate (the size of the steps) that starts high and falls to zero,
# `CosineDecay`, lets the weights settle.

# %%
pca = PCADetector(n_components=4).fit(fit_rows)
falling = keras.optimizers.schedules.CosineDecay(0.05, decay_steps=1400)  # 100 epochs
rows = []
for seed in seeds:
    keras.utils.set_random_seed(seed)
    linear_encoder = keras.Sequential([keras.Input((64,)), dense(4)])
    linear_decoder = keras.Sequential([keras.Input((4,)), dense(64)])
    train(linear_encoder, linear_decoder, fit_rows, epochs=100, rate=falling)
    directions = linear_decoder.get_weights()[0]  # (4, 64): what each code unit adds to the image
    largest = subspace_angles(directions.T, pca.components_.T).max()
    lengths = np.linalg.norm(directions, axis=1, keepdims=True)
    nearest = np.arccos(np.abs(directions / lengths @ pca.components_.T).max())
    error = ((fit_rows - np.asarray(linear_decoder(linear_encoder(fit_rows)))) ** 2).mean()
    ratio = error / pca.contributions(fit_rows).mean()
    rows.append((np.degrees(largest), np.degrees(nearest), ratio))
columns = ["subspaces", "nearest single directions", "error / PCA's"]
angles = pd.DataFrame(rows, columns=columns).rename_axis("seed")
angles.round(dict(zip(columns, (2, 1, 4), strict=True)))

# %% tags=["hide"]
by_chance = np.random.default_rng(0).normal(size=(4, n_pixels))
angle_by_chance = np.degrees(subspace_angles(by_chance.T, pca.components_.T)).max()
same_subspace = int((angles["subspaces"] < 2).sum())

# %% tags=["claim"]
assert same_subspace == len(angles), "the same subspace, to within two degrees, in every seed"
assert angle_by_chance > 75, "where chance gives nearly a right angle"
assert angles["nearest single directions"].min() > 5, "but no direction is a principal component"
assert angles["error / PCA's"].between(0.99999, 1.001).all(), "and the error is PCA's"

# %% [markdown]
# The same subspace in {{ same_subspace }} of {{ len(angles) }} runs: the angle is at most
# {{ angles['subspaces'].max():.2f}} degrees, where four directions drawn at random make
# {{ angle_by_chance:.0f}}. The error on the fitting rows is above PCA's by at most
# {{ angles["error / PCA's"].max() - 1:.2%}}. The same *axes* it is not: even the closest pair of a
# code unit and a component is {{ angles['nearest single directions'].min():.0f}} degrees apart. Any
# four directions that span the subspace can rebuild the same images, so the loss prefers none.
#
# [Baldi and Hornik (1989)](https://doi.org/10.1016/0893-6080%2889%2990014-2) proved, under mild
# conditions, that the best linear autoencoder spans PCA's subspace and that the loss has no other
# valley in which training could end. What the network of this lesson has beyond PCA is the bend, as
# on the curve of [lesson 02](02_normal_has_a_shape.ipynb):
#
# <p data-explore="learn/02_normal_has_a_shape-line_and_curve">On the site there is an interactive
# picture here.</p>
#
# ## Turn one knob
#
# What has the decoder learnt? Take the network of width 4, since four numbers are easy to follow.
# Send a five through its encoder, change one number of the code by up to 2 standard deviations
# (sd), leave the others alone, and decode.

# %%
encoder_4, decoder_4 = trained[4, 0]
unit_sd = np.asarray(encoder_4(fit_rows)).std(axis=0)  # of each code unit over the fitting rows
turns = np.linspace(-2, 2, 9)[:, None]  # in standard deviations


def turn_each(row):
    code = np.asarray(encoder_4(row[None]))  # (1, 4)
    return np.stack([decoder_4(code + turns * unit_sd * unit) for unit in np.eye(4)])


drawn = turn_each(test_rows[examples[5]])  # (unit, turn, pixel)

# %% [markdown]
# > **Predict.** What will you see along a line: noise, single pixels growing brighter, or digits?

# %% tags=["fold"]
figure, ax = plt.subplots(figsize=(6.2, 3))
images(ax, drawn.reshape(-1, 64), columns=9, vmax=1)
for unit in range(4):
    ax.text(-3, 9 * unit + 3.5, f"unit {unit + 1}", ha="right", va="center", fontsize=9)
for turn, name in ((0, "-2 sd"), (4, "the five"), (8, "+2 sd")):
    ax.text(9 * turn + 3.5, -3, name, ha="center", fontsize=9)


def looks_like(pictures):
    """The digit that the nearest fitting row shows."""
    flat = pictures.reshape(-1, 1, 64)
    nearest = np.concatenate(
        [((fit_rows - one) ** 2).sum(axis=1).argmin(keepdims=True) for one in flat]
    )
    return shown_fit[nearest].reshape(pictures.shape[:-1])


ends = looks_like(drawn)[:, [0, 8]].ravel()
show(
    ax,
    "Four lines of nine images, one line a code unit. In the middle of each the same five; to the "
    "sides the unit is turned down or up, and strokes grow, fade, lean and close step by step. By "
    "the nearest fitting row, the lines end at the digits "
    + ", ".join(f"{left} and {right}" for left, right in ends.reshape(-1, 2))
    + ".",
)

# %% tags=["hide"]
still_five = int((ends == 5).sum())
moved = (np.abs(drawn[:, 8] - drawn[:, 0]) > 0.1).sum(axis=1)  # pixels, for each unit
all_ends = [looks_like(turn_each(test_rows[row])[:, [0, 8]]) for row in examples]
others = sum(int((found != digit).sum()) for digit, found in enumerate(all_ends))
n_ends = np.size(all_ends)

# %% tags=["claim"]
assert moved.min() >= 10, "each unit moves many pixels at once"
assert 1 <= still_five <= 5 and (looks_like(drawn[:, 4]) == 5).all(), "most ends are other digits"
assert 0.15 * n_ends < others < 0.6 * n_ends, "of all digits' ends a good part, not all"

# %% [markdown]
# Digits, more or less. Each unit moves many pixels together: from one end of its line to the other,
# {{ moved.min() }} to {{ moved.max() }} of the {{ n_pixels }} change by more than a tenth. Strokes
# grow, lean and close, and the five bends into something else: at {{ len(ends) - still_five }} of
# the {{ len(ends) }} ends the nearest fitting row shows another digit. Start from a typical row of
# each digit, and it is {{ others }} of {{ n_ends }} ends. The decoder has learnt a bent surface in
# the space of images, and the code says where on it to draw.
#
# > **Try.** Turn the bars yourself. From which width on can you read all ten digits? Does one bar
# > change as much of the image at width {{ narrow[-1] }} as it does at 4?

# %% tags=["fold"]
figure, axes = plt.subplots(1, 3, figsize=(5.2, 1.7), width_ratios=(1, 2, 1))
five = test_rows[[examples[5]]]
images(axes[0], five, vmax=1)
axes[1].bar(range(4), np.asarray(encoder_4(five))[0], color=PURPLE, width=0.6)
axes[1].set(xticks=[], yticks=[])
images(axes[2], np.asarray(decoder_4(encoder_4(five))), vmax=1)
picture = show(figure, "A five, its code of 4 numbers as bars, and the five rebuilt from them.")
numerals = ["zero", "one", "two", "three", "four", "five", "six", "seven", "eight"]
samples = dict(zip(numerals, test_rows[examples], strict=True))
samples["nine"] = test_rows[labels == 1][0]
networks = {width: trained[width, 0] for width in narrow}
explorables.bottleneck(networks, fit_rows, samples, picture)


# %% tags=["hide"]
def moved_by_one_bar(width):
    """Pixels that change by more than a tenth when a unit goes up by 2 sd, in the mean."""
    enc, dec = trained[width, 0]
    codes = np.asarray(enc(test_rows[examples]))
    steps = 2 * np.asarray(enc(fit_rows)).std(axis=0) * np.eye(width)
    turned = np.stack([np.asarray(dec(codes + step)) for step in steps.astype("float32")])
    return float((np.abs(turned - np.asarray(dec(codes))) > 0.1).sum(axis=-1).mean())


by_one_bar = {width: moved_by_one_bar(width) for width in narrow}

# %% tags=["claim"]
assert by_one_bar[32] < by_one_bar[4], "a bar of a wide code changes less"

# %% [markdown]
# <details class="answer">
# <summary>Answer</summary>
#
# Most from 8 on; the nine, which no network was fitted on, last. A bar turned up by 2 sd changes
# {{ by_one_bar[4]:.0f}} pixels by more than a tenth at width 4, and {{ by_one_bar[32]:.0f}} at
# {{ narrow[-1] }}: the more numbers, the less each says.
#
# </details>
#
# ## A digit it has never seen
#
# No network here has been fitted on a nine.
#
# > **Predict.** A nine goes through the bottleneck of 8. What comes out?

# %% tags=["fold"]
groups = {"normal": test_rows[labels == 0][:9], "nines": test_rows[labels == 1][:9]}
figure, axes = plt.subplots(2, 1, figsize=(5.2, 3))
for ax, (name, group) in zip(axes, groups.items(), strict=True):
    rebuilt_group = np.asarray(decoder(encoder(group)))
    images(ax, np.concatenate([group, rebuilt_group]), columns=9, vmax=1)
    ax.text(-3, 3.5, name, ha="right", va="center")
    ax.text(-3, 12.5, "rebuilt", ha="right", va="center")
show(
    figure,
    "Above, the first nine normal test rows and their reconstructions: softer, mostly of the same "
    "shape. Below, the first nine nines and theirs: smeared, the strokes that make a nine half "
    "lost, some close to another digit.",
)

# %% tags=["hide"]
at = runs[runs["method"] == "autoencoder"].pivot(index="seed", columns="width")
ratio = at["nines"] / at["normal"]

# %% tags=["claim"]
assert (ratio[1].mean() < ratio[8]).all() and ratio[1].mean() < 1.35, "at 1 they hardly differ"
assert (ratio[8] > 1.5).all(), "at 8, nines have a clearly larger error in every split"

# %% [markdown]
# The decoder can only draw what it has learnt, so the nines come out smeared. Their [reconstruction
# error](../glossary.md#reconstruction-error), the mean squared difference between in and out, is
# {{ ratio[8].mean():.1f}} times that of fresh normal rows. That makes it an [anomaly
# score](../glossary.md#anomaly-score) ([lesson 05](05_reconstruction_error.ipynb)); a
# [cutoff](../glossary.md#cutoff) on it flags rows ([lesson 06](06_choosing_the_threshold.ipynb)).
#
# > **Try.** Draw something that is no digit and is not flagged. How little ink does it take?

# %% tags=["fold"]
figure, ax = plt.subplots(figsize=(3.6, 1.9))
nine = samples["nine"][None]
images(ax, np.concatenate([nine, np.asarray(decoder(encoder(nine)))]), columns=2, vmax=1)
picture = show(figure, "A nine, and what the network of width 8 makes of it.")
letter = """
...##...
..#..#..
.#....#.
.#....#.
.######.
.#....#.
.#....#.
........"""
samples["letter A"] = np.array([ink == "#" for ink in letter.replace("\n", "")], dtype=float)
samples["noise"] = np.random.default_rng(0).uniform(size=64)
samples["inverted three"] = 1 - samples["three"]
samples["nothing"] = np.zeros(64)
pca_8 = PCADetector(n_components=8).fit(fit_rows)
explorables.draw(encoder, decoder, pca_8, held_back, samples, picture)

# %% tags=["hide"]
held_back_errors = ((held_back - np.asarray(decoder(encoder(held_back)))) ** 2).mean(axis=1)
cutoff = thresholds.Quantile(0.95).fit(held_back_errors).cutoff_  # as in the picture to paint on
drawn_rows = np.stack([samples["nothing"], samples["letter A"], samples["noise"]])
drawn_errors = ((drawn_rows - np.asarray(decoder(encoder(drawn_rows)))) ** 2).mean(axis=1)

# %% tags=["claim"]
assert drawn_errors[0] < cutoff < drawn_errors[1:].min(), "only the empty image is let through"


# %% tags=["claim"]
def raised(row, pixels):
    """How much a white dot raises the error of a row, in the mean over places."""
    dotted = np.repeat(row[None], 1 + len(pixels), axis=0)
    dotted[np.arange(1, len(dotted)), pixels] = 1
    errors = ((dotted - np.asarray(decoder(encoder(dotted)))) ** 2).mean(axis=1)
    return errors[1:].mean() - errors[0]


for row in test_rows[examples]:
    ink = np.pad(row.reshape(8, 8), 1)
    sides = np.stack([ink[:-2, 1:-1], ink[2:, 1:-1], ink[1:-1, :-2], ink[1:-1, 2:]])
    free = np.flatnonzero((row < 0.1) & (sides.max(axis=0).ravel() > 0.6))
    assert raised(row, [0, 7, 56, 63]) > raised(row, free), "lesson 05: a corner costs more"

# %% [markdown]
# <details class="answer">
# <summary>Answer</summary>
#
# None at all: the empty image scores {{ drawn_errors[0]:.4f}}, with the cutoff at
# {{ cutoff:.4f}}. The letter and the noise are flagged.
#
# </details>
#
# How well does the score separate nines from the rest? [ROC-AUC](../glossary.md#roc-auc) is the
# chance that a random nine scores higher than a random normal row.
#
# > **Predict.** You have seen the error of normal rows fall with every doubling. At which width
# > will the ROC-AUC be highest?

# %% tags=["fold"]
auc = at["ROC-AUC"]
knn_auc = []
for seed in seeds:
    X, _, T, y = pixels_of(seed)
    knn_auc.append(roc_auc_score(y, KNNDetector().fit(X).anomaly_score(T)))
pca_auc = runs[runs["method"] == "PCA"].pivot(index="seed", columns="width", values="ROC-AUC")
figure, ax = plt.subplots(figsize=(5.4, 3.2))
ax.plot(widths, auc.T, "o", color=PURPLE, alpha=0.4, markersize=4)
ax.plot(widths, auc.mean(), "o-", color=PURPLE)
ax.plot(narrow, pca_auc.mean(), "^-.", color=OCHRE)
ax.axhline(np.mean(knn_auc), color=GREEN, linestyle="--")
ax.text(1, np.mean(knn_auc) + 0.01, "kNN", color=GREEN, va="bottom")
ax.text(2.6, 0.86, "autoencoder", color=PURPLE, ha="right")
ax.text(5.2, 0.66, "PCA", color=OCHRE)
ax.set(xscale="log", xlabel="bottleneck", ylabel="ROC-AUC", ylim=(0.5, 1))
ax.set_xticks(widths, widths)
ax.minorticks_off()
show(
    ax,
    "ROC-AUC by width of the bottleneck, a dot for each split and a line for the mean. The "
    f"autoencoder rises from {auc[1].mean():.2f} at 1 to {auc[8].mean():.2f} at 8 and falls to "
    f"{auc[64].mean():.2f} at {widths[-1]}. PCA has its best mean at 8 as well, "
    f"{pca_auc[8].mean():.2f}. The line of kNN, {np.mean(knn_auc):.2f}, is above everything.",
)

# %% tags=["hide"]
knn_ahead = int((np.array(knn_auc) > auc.max(axis=1)).sum())
bend_ahead = int((auc[8] > pca_auc[8]).sum())
wide_behind = int((auc[64] < auc[8]).sum())

# %% tags=["claim"]
assert auc.mean().idxmax() == 8, "the best mean is at 8"
assert knn_ahead == len(seeds), "kNN is ahead of every width in every split"
assert bend_ahead == len(seeds) and pca_auc.mean().idxmax() == 8, "PCA is behind, best at 8 too"
assert wide_behind == len(seeds), "as wide as the row is worse than 8 in every split"
assert (auc.mean().diff()[[16, 32, 64]] < -0.03).all(), "beyond 8 it falls with every doubling"

# %% [markdown]
# Through one number, a nine's error is only {{ ratio[1].mean():.1f}} times a
# normal row's, since normal rows come out badly too. The best mean is that of width 8,
# {{ auc[8].mean():.2f}}; PCA with 8 components has {{ pca_auc[8].mean():.2f}} and is behind in
# {{ bend_ahead }} of {{ len(seeds) }} splits. Wider still, nines get through as well:
# {{ auc[64].mean():.2f}} at {{ widths[-1] }}. A small error on normal rows is not the aim. A
# *difference* between normal rows and others is.
#
# And look at the top. [kNN](03_neighbours_and_trees.ipynb), which has no network to train, reaches
# {{ np.mean(knn_auc):.2f}} and is ahead of every width in {{ knn_ahead }} of {{ len(seeds) }}
# splits.

# %%
table = runs[runs["method"] == "autoencoder"].groupby("width")[["normal", "ROC-AUC"]].mean()
MOST, LEAST = 0.02, 0.85
table.round(4)  # "normal": mean squared error of fresh normal rows

# %% [markdown] tags=["exercise"]
# ## Exercise 2: choose a width (4 minutes)
#
# A sorting office shows a clerk the reconstruction of each digit beside the flagged ones. So it
# wants digits that can be read, a mean error of at most `MOST` on fresh normal rows, and strange
# ones that stand out, a mean ROC-AUC of at least `LEAST`. Choose `bottleneck` from `table`, and
# defend it: what would the next narrower and the next wider one cost?

# %% tags=["exercise"]
bottleneck = 8  # SOLUTION


# %% tags=["check"]
def check_2(bottleneck, table, MOST, LEAST):
    """Two columns, two demands. Which widths meet the first? Which meet the second?

    The error falls with the width, so MOST sets a least width.

    The ROC-AUC rises and falls, so LEAST sets a range. What is left?
    """
    assert bottleneck in table.index, f"choose one of {list(table.index)}"
    error, roc_auc = table.loc[bottleneck, "normal"], table.loc[bottleneck, "ROC-AUC"]
    assert error <= MOST, f"the error is {error:.3f}: the clerk sees blurs"
    assert roc_auc >= LEAST, f"the ROC-AUC is {roc_auc:.2f}: strange digits get through"


# %% tags=["wrong"]
# hint: sees blurs
bottleneck = 2

# %% tags=["wrong"]
# hint: get through
bottleneck = 32

# %% tags=["right"]
bottleneck = int(table.index[(table["normal"] <= MOST) & (table["ROC-AUC"] >= LEAST)][0])

# %% [markdown] tags=["solution"]
# The first demand needs a wide code, the second rules out the widest and the narrowest: 8 is left.
# At 4, normal error is {{ table['normal'][4]:.3f}}; at {{ widths[4] }}, ROC-AUC is
# {{ table['ROC-AUC'][16]:.2f}}. One warning: this table comes from test rows, so the figures of the
# width you choose from it are a little too good. For a choice that counts, use labelled
# [validation rows](../glossary.md#validation-rows) ([lesson
# 07](07_measuring_rare_events.ipynb)).

# %% [markdown]
# ## Break it: a bottleneck as wide as the row
#
# At width {{ n_pixels }} the code has a number for each pixel, and nothing forces the network to
# choose what to keep: it may learn to copy ([Goodfellow, Bengio and Courville 2016, chapter
# 14](https://www.deeplearningbook.org/contents/autoencoders.html)). Send it what it was not fitted
# on: nines, digits in a mirror, an empty image, random noise.
#
# > **Predict.** Which of the four come out right at width 8? Which at {{ n_pixels }}?

# %%
noise = np.random.default_rng(0).uniform(size=(200, 64)).astype("float32")
rows = []
for seed in seeds:
    _, _, T, y = pixels_of(seed)
    strangers = {"normal": T[y == 0], "nines": T[y == 1]}
    strangers["mirrored"] = T[y == 0].reshape(-1, 8, 8)[:, :, ::-1].reshape(-1, 64)
    strangers["empty"] = np.zeros((1, 64), "float32")
    strangers["noise"] = noise
    for width in (8, 64):
        enc, dec = trained[width, seed]
        for name, group in strangers.items():
            error = ((group - np.asarray(dec(enc(group)))) ** 2).mean()
            rows.append((seed, width, name, error))
broken = pd.DataFrame(rows, columns=["seed", "width", "rows", "error"])
broken = broken.pivot(index="seed", columns=["rows", "width"], values="error")
broken.mean().unstack().loc[list(strangers)].round(4)

# %% tags=["fold"]
two = test_rows[[examples[2], examples[7]]].reshape(-1, 8, 8)[:, :, ::-1].reshape(-1, 64)
line = np.concatenate([test_rows[labels == 1][:2], two, np.zeros((1, 64)), noise[:2]])
line = line.astype("float32")
strips = [line] + [np.asarray(trained[w, 0][1](trained[w, 0][0](line))) for w in (8, 64)]
figure, ax = plt.subplots(figsize=(5.2, 2.6))
images(ax, np.concatenate(strips), columns=7, vmax=1)
for i, name in enumerate(("row", "width 8", "width 64")):
    ax.text(-3, 9 * i + 3.5, name, ha="right", va="center")
for x, name in ((8, "nines"), (26, "mirrored"), (39.5, "empty"), (53, "noise")):
    ax.text(x, -3, name, ha="center")
show(
    ax,
    f"Two nines, two mirrored digits, an empty image and two of noise, with their reconstructions "
    f"at widths 8 and {n_pixels}. At 8 nines and mirrored digits are smeared; at {n_pixels} they "
    "come out nearly as they went in. The empty image comes out almost black at both. Noise comes "
    f"out as a smear at 8 and as other noise at {n_pixels}.",
)

# %% tags=["hide"]
grey = ((noise - 0.5) ** 2).mean()
times_better = broken["mirrored"][8] / broken["mirrored"][64]
wide_nines = int((broken["nines"][64] < broken["normal"][8]).sum())
empty_lower = int((broken["empty"][8] < broken["normal"][8]).sum())
package = []
for seed in seeds:
    X, _, T, y = pixels_of(seed)
    detector = AutoencoderDetector(bottleneck=64, epochs=15, random_state=seed).fit(X)
    package.append(roc_auc_score(y, detector.anomaly_score(T)))
package = np.array(package)
rescued = int((package > auc[64]).sum())

# %% tags=["claim"]
assert wide_nines == len(seeds), "nines at 64 come out better than normal rows at 8"
assert (times_better > 3).all(), "mirrored digits too"
assert empty_lower == len(seeds), "an empty image has a smaller error than normal rows, at 8"
assert (broken["noise"] > grey).all(axis=None), "noise is rebuilt worse than by plain grey"
assert rescued == len(seeds) and package.mean() > auc[64].mean() + 0.1
assert (package < np.array(knn_auc)).all(), "and behind kNN"

# %% [markdown]
# At width {{ n_pixels }} nines come out with a smaller error than normal rows do at width 8, in
# {{ wide_nines }} of {{ len(seeds) }} splits, and mirrored digits with
# {{ 1 / times_better.mean():.0%}} of their error there. The network is close to a copier, and the
# ROC-AUC of {{ auc[64].mean():.2f}} in the figure above is the price.
#
# It is no perfect copier. Noise fails at both widths; plain grey would be nearer to it (an error of
# {{ grey:.3f}}). What resembles digits gets through, and nines do. And the empty image, no digit at
# all, has a smaller error than the mean normal row even at width 8, in {{ empty_lower }} of
# {{ len(seeds) }} splits: without ink there is little to get wrong. A small error means that the
# decoder can draw a row, not that the row is normal.
#
# The package's `AutoencoderDetector` wraps an encoder and a decoder like these: `encode(rows)`
# returns the codes, `reconstruct(rows)` the images. It also standardises the columns, adds a hidden
# layer and noise in training, and weighs each column's error. With
# `AutoencoderDetector(bottleneck=64, epochs=15)` the mean ROC-AUC is {{ package.mean():.2f}}, above
# the plain network of that width in {{ rescued }} of {{ len(seeds) }} splits, and not for a narrow
# code. kNN stays ahead here too.

# %% [markdown] tags=["exercise"]
# ## Exercise 3: the perfect copier (6 minutes)
#
# Write `copier(d)`. It returns two lists, the encoder's weights and the decoder's, each as in
# exercise 1: matrix, bias, matrix, bias, with `d` numbers everywhere. The first layer of each half
# has a ReLU, the second has none. *Every* row with values from 0 to 1 is to come out exactly as it
# went in.


# %% tags=["exercise"]
def copier(d):
    # BEGIN SOLUTION
    same = [np.eye(d), np.zeros(d), np.eye(d), np.zeros(d)]
    return same, same
    # END SOLUTION


# %% tags=["check"]
def check_3(copier):
    """Which matrix returns a row unchanged?

    What does the ReLU do to values that are never negative? And what are the values here?

    Use a matrix that changes nothing, so that nothing is negative when it meets a ReLU.
    """
    rng = np.random.default_rng(0)
    for d in (3, 64):
        halves = copier(d)
        assert len(halves) == 2, "two lists are wanted: the encoder's weights and the decoder's"
        rows = rng.uniform(size=(20, d))
        out, cut = rows, False
        for half in halves:
            shapes = [np.shape(array) for array in half]
            wanted = [(d, d), (d,), (d, d), (d,)]
            assert shapes == wanted, f"expected shapes {wanted} in each half, got {shapes}"
            before = out @ np.asarray(half[0]) + half[1]
            cut = cut or bool((before < -1e-9).any())
            out = np.maximum(before, 0) @ np.asarray(half[2]) + half[3]
        right = np.allclose(out, rows)
        assert right or not cut, "a ReLU meets negative values here: what it cuts is lost"
        assert right, f"some rows do not come back: off by up to {np.abs(out - rows).max():.2f}"


# %% tags=["wrong"]
# hint: a ReLU meets negative values
def copier(d):
    turn = np.linalg.qr(np.random.default_rng(1).normal(size=(d, d)))[0]
    none, same = np.zeros(d), np.eye(d)
    return [turn, none, same, none], [same, none, turn.T, none]


# %% tags=["wrong"]
# hint: do not come back
def copier(d):
    half = [np.ones((d, d)), np.zeros(d), np.ones((d, d)), np.zeros(d)]
    return half, half


# %% tags=["right"]
def copier(d):
    swap, none = np.eye(d)[::-1], [0.0] * d
    return (2 * swap, none, swap, np.ones(d)), (np.eye(d) / 2, -np.ones(d) / 2, np.eye(d), none)


# %% [markdown] tags=["solution"]
# With ones on the diagonal, zeros elsewhere and no bias, each layer hands its input on, and since
# no value is negative the ReLUs have nothing to cut. Every row scores 0, nine or not: the ROC-AUC
# is one half, though the loss is the lowest there can be. Training did not find these weights here,
# but nothing in the loss speaks against them.

# %% [markdown]
# ## Key points
#
# - The encoder turns a row into its code, the bottleneck is the narrow layer that holds the code,
#   the decoder turns the code back into a row. The row itself is the target, so training needs no
#   labels.
# - Without activations this spans PCA's subspace, on other axes. With them, a few numbers keep more
#   than as many principal components; with many numbers, PCA lost less here.
# - The decoder can only draw what it has learnt. Turning one code unit bends the whole image.
# - The wider the code, the smaller the error, of anomalies too. For detection a middle width was
#   best, and kNN was better still.
#
# ## Test yourself
#
# <details>
# <summary>Your autoencoder has the lowest loss on held-back rows in the class. Is it the best
# detector?</summary>
#
# Not for that reason. Held-back rows are normal rows. A network that copies everything has the
# lowest loss of all and detects nothing; what counts is how much worse anomalies come out.
#
# </details>
#
# <details>
# <summary>You take out every ReLU, and add three more layers to each half. What can the network do
# now that the linear one of this lesson could not?</summary>
#
# Nothing. A chain of matrices is one matrix, and the bottleneck still sets how many directions it
# can keep. It spans PCA's subspace at best.
#
# </details>
#
# <details>
# <summary>Two colleagues train the same linear autoencoder with different seeds, to the end. Their
# codes differ in every number. Is one of them wrong?</summary>
#
# No. Both span the same subspace on different axes, and rebuild the same images.
#
# </details>
#
# ## Sources
#
# - Geoffrey E. Hinton and Ruslan R. Salakhutdinov, "Reducing the dimensionality of data with neural
#   networks", Science 2006, [doi:10.1126/science.1127647](https://doi.org/10.1126/science.1127647):
#   deep autoencoders against PCA, on digits among others.
# - Pierre Baldi and Kurt Hornik, "Neural networks and principal component analysis: learning from
#   examples without local minima", Neural Networks 1989,
#   [doi:10.1016/0893-6080(89)90014-2](https://doi.org/10.1016/0893-6080%2889%2990014-2).
# - Ian Goodfellow, Yoshua Bengio and Aaron Courville, *Deep Learning*, 2016, chapter 14,
#   [deeplearningbook.org](https://www.deeplearningbook.org/contents/autoencoders.html).
# - Ethem Alpaydin and Cenk Kaynak, "Optical Recognition of Handwritten Digits", UCI Machine
#   Learning Repository 1998, [doi:10.24432/C50P49](https://doi.org/10.24432/C50P49): the digits, as
#   scikit-learn brings them along.
