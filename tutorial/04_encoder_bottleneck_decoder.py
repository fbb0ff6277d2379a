# ---
# title: Encoder, bottleneck, decoder
# objectives:
#   - build an encoder and a decoder in Keras, train them, and say what each of the two returns
#   - predict what a narrower or wider bottleneck keeps of a row, and compare it with PCA
#   - show by experiment why a bottleneck as wide as the row is no use for finding anomalies
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
import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from scipy.linalg import subspace_angles
from sklearn.datasets import load_digits
from sklearn.metrics import roc_auc_score

from anomaly_lab import datasets, keras_setup, plots, split
from anomaly_lab.detectors import AutoencoderDetector, KNNDetector, PCADetector
from anomaly_lab.pictures import ANOMALY, NORMAL, QUIET, STYLE, images, show

plt.style.use(STYLE)

# %% [markdown]
# ## A row is an image
#
# A row of `digits` is a handwritten digit of 8 by 8 pixels, one column a pixel, 0 for black and 16
# for white. The anomalies are the nines: they are in the test rows only, and no network will have
# seen one.

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
examples = [int(np.flatnonzero(shown_test == digit)[0]) for digit in range(9)]

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
# Three rows came in, and each left as 5 numbers, none below zero. Without the bend, two layers in a
# row would be one matrix times another, which is again one matrix: a chain of any length could do
# no more than one layer. The bend is what lets networks follow curves.
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
for (x0, n0, _), (x1, n1, _) in zip(stops, stops[1:], strict=False):
    colour = NORMAL if x1 < 3 else ANOMALY
    ends = [n0 / 2, n1 / 2]
    ax.fill_between([x0, x1], ends, [-e for e in ends], color=colour, alpha=0.22, linewidth=0)
for x, n, name in stops:
    ax.plot([x, x], [-n / 2, n / 2], color="black", linewidth=5, solid_capstyle="butt")
    ax.text(x, -37, f"{name}\n{n} numbers", ha="center", va="top", fontsize=9)
ax.text(0.65, 0, "encoder", color=NORMAL, ha="center", va="center", fontsize=12)
ax.text(5.15, 0, "decoder", color=ANOMALY, ha="center", va="center", fontsize=12)
ax.text(2.9, 9, "bottleneck", ha="center", va="bottom", fontsize=10)
ax.set(xlim=(-0.6, 6.5), ylim=(-62, 34))
ax.set_axis_off()
show(
    ax,
    "Five upright bars from left to right, as long as they hold numbers: row, hidden layer, code, "
    "hidden layer, reconstruction. The shape between them narrows like an hourglass. The left half "
    "is the encoder, the right half the decoder, the waist with the short bar is the bottleneck.",
)

# %% [markdown]
# In Keras, a `Dense` layer is our `layer`, and `Sequential` is a chain. Change what you like: more
# layers, other widths. `keras_setup.load()` imports Keras on whatever backend is installed.

# %%
keras = keras_setup.load()
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
# those that came out. A step takes a [batch](../glossary.md#batch) of 64 rows, computes in which
# direction each weight would lower their loss, and moves all weights a little that way. This is
# [gradient descent](../glossary.md#gradient-descent); `Adam` is a variant that sets the size of the
# steps. One pass over all fitting rows is an [epoch](../glossary.md#epoch). Nobody tells the
# network what a digit is, and no label is used.

# %% tags=["fold"]
figure, ax = plt.subplots(figsize=(5.4, 2.9))
plots.training_curve(history, ax=ax)
show(ax, plots.describe_training_curve(history))

# %% tags=["claim"]
assert history["loss"].iloc[-1] < 0.25 * history["loss"].iloc[0], "the loss falls"
assert history["val_loss"].iloc[-1] > 1.05 * history["loss"].iloc[-1], "held-back rows: higher"
assert history["val_loss"].iloc[-1] < 1.1 * history["val_loss"].min(), "and still at their lowest"
gap = history["val_loss"].iloc[-1] / history["loss"].iloc[-1] - 1

# %% [markdown]
# The solid line is the loss of normal rows that were held back, the figure that counts. It ends
# {{ gap:.0%}} above the loss of the fitting rows, which the network knows by now. Were it to rise
# while the other falls, that would be [overfitting](../glossary.md#overfitting).
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
    images(line[0], test_rows[row], vmax=1)
    images(line[2], rebuilt[row], vmax=1)
    line[1].bar(range(1, 9), codes[row], color=NORMAL, width=0.6)
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
assert 0.15 < share_lost < 0.35, "about a quarter of the spread is lost"

# %% [markdown]
# The middle column is all that the decoder was given. The digits come back, smoothed. On fresh
# normal rows, {{ 1 - share_lost:.0%}} of the squared distance to the mean image is kept. What is
# lost is what sets one writer's three apart from another's; what these digits have in common sits
# in the decoder's weights, and need not be sent. A single bar has no meaning of its own that we
# could read off: the network chose them all together.

# %% [markdown] tags=["exercise"]
# ## Exercise 1: the encoder without Keras (7 minutes)
#
# `weights` holds the encoder's numbers in order: the first layer's matrix and bias, then the
# second's. Write `forward(weights, rows)`, which returns the codes. The first layer has a ReLU, the
# second has none.

# %%
weights = encoder.get_weights()
[array.shape for array in weights]


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
# the code as well, half of the number line would be lost to it; without the first ReLU, the encoder
# would be one matrix, as in PCA.

# %% [markdown]
# ## From 1 number to 32
#
# Now the width of the bottleneck. Every width is trained on 5 splits, each with its own first
# weights, and PCA with as many components fits the same rows. All errors are those of fresh rows.

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
        if width < n_pixels:  # with all components PCA loses nothing
            pca = PCADetector(n_components=width).fit(X)
            errors["PCA"] = pca.feature_errors(T).mean(axis=1)
        for name, error in errors.items():
            normal, nines = error[y == 0].mean(), error[y == 1].mean()
            runs.append((name, width, seed, normal, nines, roc_auc_score(y, error)))
runs = pd.DataFrame(runs, columns=["method", "width", "seed", "normal", "nines", "ROC-AUC"])
by_width = runs.pivot_table(index="width", columns="method", values="normal")

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
    ax.text(-2, 9 * line + 3.5, name, ha="right", va="center")
show(
    ax,
    "Top line: nine test rows, the digits zero to eight. Below, their reconstructions through "
    "bottlenecks of 1, 2, 4, 8, 16 and 32. With 1 and 2 most are blurs or another digit; with 4 "
    "most can be read, if softly; with 16 and 32 they differ little from the rows.",
)

# %% tags=["fold"]
figure, ax = plt.subplots(figsize=(5, 3.2))
looks = {"autoencoder": (NORMAL, "o-"), "PCA": (ANOMALY, "s--")}
for name, (colour, look) in looks.items():
    ax.plot(narrow, by_width.loc[narrow, name], look, color=colour, label=name)
ax.text(3.4, 0.047, "PCA", color=ANOMALY)
ax.text(2.1, 0.0235, "autoencoder", color=NORMAL, ha="center")
ax.set(xscale="log", yscale="log", xlabel="bottleneck", ylabel="mean squared error")
ax.set_xticks(narrow, narrow)
ax.set_yticks([0.003, 0.01, 0.03, 0.1], ["0.003", "0.01", "0.03", "0.1"])
ax.minorticks_off()
show(
    ax,
    "Mean squared error of fresh normal rows by width of the bottleneck, both axes logarithmic. "
    f"Both lines fall. At 8 the autoencoder is at {by_width.loc[8, 'autoencoder']:.3f} and PCA at "
    f"{by_width.loc[8, 'PCA']:.3f}; at 32 PCA is the lower one, with "
    f"{by_width.loc[32, 'PCA']:.4f} against {by_width.loc[32, 'autoencoder']:.4f}.",
)

# %% tags=["hide"]
normal_error = runs.pivot(index=["seed", "width"], columns="method", values="normal")
lower = (normal_error["autoencoder"] < normal_error["PCA"]).unstack()[narrow].sum()
saved = 1 - by_width["autoencoder"] / by_width["PCA"]

# %% tags=["claim"]
assert (lower[[1, 2, 4, 8, 16]] == len(seeds)).all(), "up to 16 the network is lower in every seed"
assert lower[32] == 0, "at 32 PCA is lower in every seed"
assert 0.2 < saved[4] < 0.35 and 0.2 < saved[8] < 0.35 and saved[1] < 0.1
falls = normal_error["autoencoder"].unstack().diff(axis=1).iloc[:, 1:]
assert (falls < 0).all(axis=None), "each doubling of the width lowers the error, in every seed"

# %% [markdown]
# The wider, the smaller the error, in every split. At widths 4 and 8 the network loses
# {{ saved[4]:.0%}} and {{ saved[8]:.0%}} less than PCA, and up to 16 it is ahead in
# {{ lower[16] }} of {{ len(seeds) }} splits. The same few numbers are worth more where the shape
# they describe may bend.
#
# At 32 it is PCA that loses less, in {{ len(seeds) - lower[32] }} of {{ len(seeds) }} splits. PCA
# is solved exactly, and with that many directions hardly anything is left over. Our network is
# trained for {{ len(history) }} epochs, in small steps from random weights, and does not get that
# far. Where a straight shape is wide enough, it is the better buy.
#
# ## Without the bend: PCA's plane
#
# Take the ReLU out. Encoder and decoder are now one matrix each, as in PCA. PCA's matrix comes from
# a formula; the network's from gradient steps, and nobody told it about variances or right angles.
#
# > **Predict.** Four code units against four principal components. Will the decoder find the same
# > directions?
#
# How different are two [subspaces](../glossary.md#subspace)? Take the direction of one that is
# worst to reach from the other, and measure the angle between them: the *largest principal angle*.
# At 0 degrees the two are the same; at 90, one has a direction at a right angle to all of the
# other. A learning rate that starts high and falls to zero (`CosineDecay`) lets the weights settle.

# %%
components = PCADetector(n_components=4).fit(fit_rows).components_
pca_error = PCADetector(n_components=4).fit(fit_rows).feature_errors(fit_rows).mean()
steps = 100 * int(np.ceil(len(fit_rows) / 64))
rows = []
for seed in seeds:
    keras.utils.set_random_seed(seed)
    linear_encoder = keras.Sequential([keras.Input((64,)), dense(4)])
    linear_decoder = keras.Sequential([keras.Input((4,)), dense(64)])
    falling = keras.optimizers.schedules.CosineDecay(0.05, steps)
    history_linear = train(linear_encoder, linear_decoder, fit_rows, epochs=100, rate=falling)
    directions = linear_decoder.get_weights()[0]  # (4, 64): what each code unit adds to the image
    cosines = directions @ components.T / np.linalg.norm(directions, axis=1)[:, None]
    linear_error = ((fit_rows - np.asarray(linear_decoder(linear_encoder(fit_rows)))) ** 2).mean()
    rows.append(
        {
            "subspaces": np.degrees(subspace_angles(directions.T, components.T)).max(),
            "nearest single directions": np.degrees(np.arccos(np.abs(cosines).max())),
            "error / PCA's": linear_error / pca_error,
        }
    )
angles = pd.DataFrame(rows).rename_axis("seed")
angles.round({"subspaces": 2, "nearest single directions": 1, "error / PCA's": 4})

# %% tags=["hide"]
by_chance = np.random.default_rng(0).normal(size=(4, n_pixels))
angle_by_chance = np.degrees(subspace_angles(by_chance.T, components.T)).max()

# %% tags=["claim"]
assert angles["subspaces"].max() < 2, "the same subspace, to within two degrees, in every seed"
assert angle_by_chance > 75, "where chance gives nearly a right angle"
assert angles["nearest single directions"].min() > 5, "but no direction is a principal component"
assert (angles["error / PCA's"] - 1).abs().max() < 0.001, "and the error is PCA's"

# %% [markdown]
# The same plane, in {{ len(angles) }} of {{ len(angles) }} runs: the angle is at most
# {{ angles['subspaces'].max():.1f}} degrees, where four random directions make
# {{ angle_by_chance:.0f}}. The error on the fitting rows is PCA's, to
# {{ (angles["error / PCA's"].max() - 1):.3%}}. The same axes it is not: even the closest pair of a
# code unit and a component is {{ angles['nearest single directions'].min():.0f}} degrees apart, and
# each run finds other axes. Any four directions that span the plane rebuild the same images, so
# nothing favours PCA's.
#
# That the best linear autoencoder spans PCA's subspace, and that there is no other valley in which
# the training could end up, was proved by [Baldi and Hornik
# (1989)](https://doi.org/10.1016/0893-6080%2889%2990014-2). So what an autoencoder adds to PCA is
# the bend, and nothing else.
#
# ## Turn one knob
#
# What has the decoder learnt? Take a test row that shows a four, change one number of its code,
# leave the other seven alone, and decode.

# %%
four = codes[examples[4]]
spread = np.asarray(encoder(fit_rows)).std(axis=0)  # of each code unit over the fitting rows
turns = np.linspace(-2, 2, 9)  # in standard deviations
turned = np.repeat(four[None, None], 8, axis=0).repeat(9, axis=1)  # (unit, turn, 8)
for unit in range(8):
    turned[unit, :, unit] += turns * spread[unit]
drawn = np.asarray(decoder(turned.reshape(-1, 8)))

# %% [markdown]
# > **Predict.** What will you see along a line: noise, one pixel after another growing brighter, or
# > digits?

# %% tags=["fold"]
figure, ax = plt.subplots(figsize=(5.2, 4.6))
images(ax, drawn, columns=9, vmax=1)
for unit in range(8):
    ax.text(-2, 9 * unit + 3.5, f"unit {unit + 1}", ha="right", va="center", fontsize=9)
for turn in (0, 4, 8):
    ax.text(9 * turn + 3.5, -2, f"{turns[turn]:+.0f} sd" if turn != 4 else "the row", ha="center")
nearest = KNNDetector(n_neighbors=1).fit(fit_rows)
gaps = ((drawn[:, None] - fit_rows[None]) ** 2).sum(axis=2)
named = shown_fit[gaps.argmin(axis=1)].reshape(8, 9)
show(
    ax,
    "Eight lines of nine images. In the middle of each the same four; to both sides one code unit "
    "is turned down or up. Strokes lengthen, lean and close step by step. By the nearest fitting "
    f"row, the ends of the lines show the digits {sorted(set(map(int, named[:, [0, 8]].ravel())))}",
)

# %% tags=["hide"]
ends = named[:, [0, 8]].ravel()
left_four = int((ends != 4).sum())
to_fitting = np.sqrt(gaps.min(axis=1)).reshape(8, 9)
usual = np.sqrt(((test_rows[fresh][:, None] - fit_rows[None]) ** 2).sum(axis=2).min(axis=1))
print(named, left_four, to_fitting.round(2), np.quantile(usual, [0.05, 0.5, 0.95]))

# %% [markdown]
# The four bends.
#
# ## A digit it has never seen

# %%
nine_table = runs[runs["method"] == "autoencoder"].pivot_table(
    index="width", values=["normal", "nines", "ROC-AUC"]
)
nine_table

# %% [markdown]
# ## Break it: a bottleneck as wide as the row
#
# ## Key points
#
# ## Test yourself
#
# ## Sources
