# ---
# title: What is an anomaly?
# objectives:
#   - tell point, contextual and collective anomalies apart, and say which columns would show each
#   - write a detector from scratch, turn its scores into flags and count its mistakes
#   - compute what becomes of precision and accuracy when anomalies are rare
# needs: []
# data: [breast_cancer]
# ---

# %% [markdown]
# Something is odd: a payment, a heartbeat, the reading of a sensor. You could write a rule for each
# kind of oddity you know, and you would miss the kinds you do not know. This course goes the other
# way round. A **detector** learns from usual examples what is usual. Then it gives any new example
# a number: the less usual, the higher.
#
# In this lesson you build your first detector from nothing more than means and standard deviations.
# It is a serious one: later lessons, neural networks included, do not always beat it. But first the
# question in the title, and a picture to answer it with.

# %% tags=["hide"]
import matplotlib.pyplot as plt
import numpy as np
import pandas as pd

from anomaly_lab import AnomalyModel, datasets, drawing, evaluate, split
from anomaly_lab.detectors import CentroidDetector
from anomaly_lab.drawing import ANOMALY, NORMAL, QUIET, STYLE, score_map, show

plt.style.use(STYLE)

# %% [markdown]
# ## Three things are wrong
#
# A sensor notes the temperature of a greenhouse every ten minutes. We simulate it: a daily cycle,
# coldest at night and warmest in the afternoon, plus noise. Then we spoil four days in three
# places. (The code is folded because it gives the places away.)


# %% tags=["fold"]
def sensor(days, seed):
    """Temperatures every ten minutes, shape (days, 144)."""
    hours = np.arange(144) / 6
    cycle = 20 - 5 * np.cos(2 * np.pi * (hours - 3) / 24)
    return cycle + np.random.default_rng(seed).normal(scale=0.5, size=(days, 144))


def spoil(days):
    """Put three anomalies into four days."""
    days = days.copy()
    days[0, 60] = 32  # first day, 10:00
    days[1, 18] = 24  # second day, 03:00
    days[2, 81:99] = days[2, 81]  # third day, from 13:30 to 16:30
    return days


normal_days = sensor(14, seed=0)
four_days = spoil(sensor(4, seed=1))

fig, ax = plt.subplots(figsize=(6.7, 2.2))
ax.plot(np.arange(four_days.size) / 144, four_days.ravel(), color=NORMAL, linewidth=0.9)
ax.set(xlabel="days", ylabel="temperature (°C)", xlim=(0, 4), xticks=range(5))
show(
    fig,
    f"Four days of temperature: a wave, mostly between {np.quantile(normal_days, 0.01):.0f} and "
    f"{np.quantile(normal_days, 0.99):.0f} degrees, with noise. One reading on the first day "
    "stands far above all others, one in the second night stands far above its neighbours, and in "
    "the third afternoon the noise stops for a while.",
)

# %% [markdown]
# > **Predict.** Look at the four days. Where are the three things that are wrong? Which of them
# > could you still find if you got the same readings in random order?

# %% [markdown]
# ## Three kinds of anomaly
#
# How odd is a reading? A fair first answer is a distance: how many standard deviations is it from
# the mean of normal days? That number is its **anomaly score**: the higher, the more anomalous. A
# **cutoff** is a number drawn as a line, and a reading whose score is above it is **flagged**.
#
# The score depends on what you say about each reading. We describe it in three ways, with the mean,
# the standard deviation and the cutoff taken from two weeks of normal days:
#
# - `value`: the reading itself;
# - `surprise`: the reading minus the mean of normal days at this time of day;
# - `movement`: the change from one reading to the next, averaged over the last two hours.


# %%
def describe(days, usual):
    value = pd.Series(days.ravel())
    surprise = (days - usual).ravel()
    movement = value.diff().abs().rolling(12).mean()
    return pd.DataFrame({"value": value, "surprise": surprise, "movement": movement})


def scores_and_cutoffs(normal_days, new_days):
    usual = normal_days.mean(axis=0)  # the mean at each time of day, shape (144,)
    normal, new = describe(normal_days, usual), describe(new_days, usual)
    mean, sd = normal.mean(), normal.std(ddof=0)
    return (new - mean).abs() / sd, ((normal - mean).abs() / sd).max()


scores, cutoffs = scores_and_cutoffs(normal_days, four_days)

# %% tags=["fold"]
places = {"spike": [60], "warm night": [162], "stuck": list(range(369, 387))}

fig, axes = plt.subplots(3, 1, figsize=(6.7, 4.8), sharex=True)
for ax, name in zip(axes, scores, strict=True):
    flagged = scores.loc[scores[name] > cutoffs[name], name]
    ax.plot(scores.index / 144, scores[name], color=NORMAL, linewidth=0.9)
    ax.plot(flagged.index / 144, flagged, "^", color=ANOMALY, markersize=4)
    ax.axhline(cutoffs[name], color="black", linestyle="--", linewidth=1)
    for rows in places.values():
        ax.axvspan(rows[0] / 144 - 0.02, rows[-1] / 144 + 0.02, color=QUIET, alpha=0.25, lw=0)
    ax.set_title(f"score of {name}", fontsize=9, loc="right", pad=3)
    ax.set(ylim=(0, None), xlim=(0, 4), xticks=range(5))
for place, rows in places.items():
    axes[0].annotate(place, (rows[0] / 144, 1), (0, 3), xycoords=("data", "axes fraction"),
                     textcoords="offset points", fontsize=9)  # fmt: skip
axes[1].set_ylabel("distance to the mean (standard deviations)")
axes[2].set_xlabel("days")
top = {place: scores.loc[rows].max() for place, rows in places.items()}
show(
    fig,
    "Anomaly scores over the four days, one panel for each description, with a dashed cutoff at "
    "the highest score of the normal days. By value only the spike is flagged, at "
    f"{top['spike'].value:.1f} standard deviations. By surprise the reading in the warm night is "
    f"flagged too, at {top['warm night'].surprise:.1f}. By movement the stuck afternoon is flagged "
    f"as well, at {top['stuck'].movement:.1f}.",
)

# %% tags=["hide"]
seeds = 10
seen = pd.DataFrame(index=range(seeds))
for seed in range(seeds):
    far, line = scores_and_cutoffs(sensor(14, seed=100 + seed), spoil(sensor(4, seed=seed)))
    for place, rows in places.items():
        for name in far:
            seen.loc[seed, f"{name}: {place}"] = (far.loc[rows, name] > line[name]).any()
seen = seen.astype(bool)
value_sees_only_spike = (
    seen["value: spike"] & ~seen["value: warm night"] & ~seen["value: stuck"]
).sum()
surprise_misses_only_stuck = (
    seen["surprise: spike"] & seen["surprise: warm night"] & ~seen["surprise: stuck"]
).sum()
movement_sees_stuck = seen["movement: stuck"].sum()

# %% tags=["claim"]
assert (scores.value > cutoffs.value).sum() == 1, "lesson 01: by value only the spike is flagged"
assert value_sees_only_spike >= 9 and surprise_misses_only_stuck >= 9, "lesson 01: what value sees"
assert movement_sees_stuck >= 8, "lesson 01: movement shows the stuck sensor"
for place in places:
    assert top[place].movement > cutoffs.movement, "lesson 01: movement reacts to all three"
assert scores.value[162] < scores.value.median() * 2, (
    "lesson 01: the warm night is an ordinary value"
)

# %% [markdown]
# The three places stand for three kinds of anomaly
# ([Chandola, Banerjee and Kumar 2009](https://doi.org/10.1145/1541880.1541882)):
#
# - A [**point anomaly**](../glossary.md#point-anomaly) is odd all by itself. The spike is flagged
#   by its value alone.
# - A [**contextual anomaly**](../glossary.md#contextual-anomaly) has an ordinary value that is odd
#   *there*. The greenhouse is that warm every day, but not in the middle of the night.
# - A [**collective anomaly**](../glossary.md#collective-anomaly) is odd as a group. Each of the
#   stuck readings could be right. That they are all the same could not.
#
# A detector can only find what the columns say. The arithmetic was the same in all three panels;
# the description made the difference. Repeat the simulation with {{ seeds }} seeds (other noise
# each time): `value` flags the spike and neither of the others in
# {{ value_sees_only_spike }} of {{ seeds }}, `surprise` flags all but the stuck sensor in
# {{ surprise_misses_only_stuck }} of {{ seeds }}, and `movement` shows the stuck sensor in
# {{ movement_sees_stuck }} of {{ seeds }}. (It jumps at the lone readings too: each makes two
# large changes.)

# %% [markdown]
# ## From readings to a table
#
# Most data come as a table with several columns. Each line is a **row**: one case. Each **column**,
# or feature, is one thing that is measured of every row. Here each row is a breast tumour, and the
# columns measure its cell nuclei under the microscope.

# %%
cancer = datasets.load("breast_cancer")
cancer.X.iloc[:3, :5]

# %% [markdown]
# There are {{ len(cancer.X) }} rows and {{ cancer.X.shape[1] }} columns. The **labels**, kept apart
# in `cancer.y`, come from pathologists: 1 for malignant, 0 for benign. We take the benign tumours
# as **normal rows**, the kind that is expected, and the malignant ones as **anomalies**. (In this
# course "normal" never means "bell-shaped".)
#
# Nothing in the data says that the malignant ones are the anomalies. The task says so. With so many
# labelled rows of both kinds, a classifier that learns from both would be the better tool. We
# pretend that we have only benign tumours to learn from. That is the usual situation elsewhere:
# anomalies are few, and the next one may be of a kind nobody has seen. So a detector learns
# from normal rows only, and labels serve to judge it at the end.
#
# Three jobs, three sets of rows that do not overlap:

# %%
parts = split(cancer, seed=0)

pd.DataFrame(
    {
        "rows": [len(parts.fit), len(parts.calibrate), len(parts.test)],
        "anomalies": [0, 0, parts.test_labels.sum()],
        "job": ["learn what is normal", "choose the cutoff", "judge"],
    },
    index=["fit", "calibrate", "test"],
)

# %% [markdown]
# A detector may know the rows it has learnt from too well. Fresh normal rows tell better how high
# normal scores go, so they choose the cutoff: these are the
# [calibration rows](../glossary.md#calibration-rows). The [test rows](../glossary.md#test-rows) are
# looked at once, at the end.

# %% [markdown]
# ## The first detector: distance to the mean
#
# With many columns the idea stays: how far is a row from the mean of the normal rows? First each
# column is turned into a [z-score](../glossary.md#z-score), its distance to the mean in standard
# deviations, as in the greenhouse. Then Pythagoras: square the z-scores of a row and add them up.

# %%
mean = parts.fit.mean()
sd = parts.fit.std(ddof=0)

z = (parts.test - mean) / sd
by_hand = (z**2).sum(axis=1)  # one score for each test row

# %% tags=["hide"]
area_columns = ["mean area", "worst area"]
spread = ((parts.fit - mean) ** 2).sum()
area_share = spread[area_columns].sum() / spread.sum()
stretch = (cancer.X.std(ddof=0) / sd)["worst area"]
mean_score = (((parts.fit - mean) / sd) ** 2).sum(axis=1).mean()
own_scale = (((cancer.X - cancer.X.mean()) / cancer.X.std(ddof=0)) ** 2).sum(axis=1)

# %% tags=["claim"]
assert area_share > 0.97, "lesson 01: unscaled, the two area columns are nearly all of the distance"
assert stretch > 3, "lesson 01: anomalies stretch the standard deviation of worst area"
assert np.isclose(mean_score, cancer.X.shape[1]), "lesson 01: the mean fitting score is d"

# %% [markdown]
# Two choices in these lines deserve a reason.
#
# *Why z-scores?* Columns come in different units, and the largest numbers would win. Without
# scaling, {{ area_share:.0%}} of the fitting rows' squared distance would come from two of the
# {{ cancer.X.shape[1] }} columns, `{{ area_columns[0] }}` and `{{ area_columns[1] }}`. On z-scores
# every column has the same say: a fitting row's score is {{ mean_score:.0f}} on average, one for
# each column.
#
# *Why mean and standard deviation of the fitting rows only?* Because in use the rows to be judged
# come later, perhaps one at a time. And because anomalies would stretch the ruler that they are
# measured with: over all rows, malignant ones included, the standard deviation of
# `{{ area_columns[1] }}` is {{ stretch:.1f}} times as large. The most anomalous tumours would then
# look ordinary. Learning anything from test rows is called [leakage](../glossary.md#leakage).
#
# Two columns can be drawn.
#
# > **Predict.** Flag every row that is farther from the mean than some cutoff. In the plane of two
# > z-scored columns, what is the shape of the border between flagged and not flagged?

# %%
two = ["mean texture", "mean concave points"]
to_z = (parts.fit[two].mean(), parts.fit[two].std(ddof=0))
detector = CentroidDetector().fit((parts.fit[two] - to_z[0]).to_numpy() / to_z[1].to_numpy())
rows = (parts.test[two] - to_z[0]).to_numpy() / to_z[1].to_numpy()
flat_cutoff = np.quantile(detector.training_scores_, 0.95)

# %% tags=["fold"]
fig, ax = plt.subplots(figsize=(4.4, 3.6))
score_map(ax, detector, rows, parts.test_labels, cutoff=flat_cutoff, margin=0.1)
ax.set(
    xlabel=f"{two[0]} (z-score)",
    ylabel=f"{two[1]} (z-score)",
    xticks=range(-2, 4, 2),
    yticks=range(-2, 9, 2),
    aspect="equal",
)
beyond = detector.anomaly_score(rows) > flat_cutoff
show(
    fig,
    "Test rows in the plane of two z-scored columns; the shade grows darker with the distance to "
    "the mean, and the cutoff is a dashed circle. "
    f"{beyond[parts.test_labels == 1].mean():.0%} of the malignant tumours lie outside the circle "
    f"and {beyond[parts.test_labels == 0].mean():.0%} of the benign ones.",
)

# %% [markdown]
# The border is a circle, and in {{ cancer.X.shape[1] }} columns it is the same thing with more
# dimensions, a sphere. Whether normal rows fill a sphere is another matter;
# [lesson 02](02_normal_has_a_shape.ipynb) takes it up.
#
# In the package this detector is `CentroidDetector`. `AnomalyModel` puts the z-scores before it and
# the cutoff after it, and each step gets only the rows that are meant for it:

# %%
model = AnomalyModel(CentroidDetector(), threshold="quantile:0.95")
model.fit(parts.fit)
model.calibrate(parts.calibrate)
np.allclose(model.anomaly_score(parts.test), by_hand)

# %% tags=["claim"]
assert np.allclose(model.anomaly_score(parts.test), by_hand), "lesson 01: by hand and package agree"

# %% [markdown]
# ## From score to flag
#
# Where should the cutoff be? Here are the scores of the calibration rows, all of them normal.
#
# > **Predict.** Choose a cutoff by eye, where the bulk of the normal rows ends. About what share of
# > the malignant tumours will score above it?

# %%
calibration_scores = model.anomaly_score(parts.calibrate)
level = model.threshold_.level
by_eye = 80  # change it

# %% tags=["fold"]
fig, ax = plt.subplots(figsize=(4.4, 2.6))
ax.hist(calibration_scores, bins=np.arange(0, 161, 10), color=NORMAL, alpha=0.6)
for at, text, height in ((by_eye, "by eye", 0.95), (model.cutoff, "quantile", 0.7)):
    ax.axvline(at, color="black", linestyle="--", linewidth=1.2)
    ax.annotate(f"{text}: {at:.0f}", (at, height), (4, 0), xycoords=("data", "axes fraction"),
                textcoords="offset points", fontsize=9)  # fmt: skip
ax.set(xlabel="anomaly score", ylabel="calibration rows", xlim=(0, None))
show(
    fig,
    f"Histogram of the scores of {len(calibration_scores)} normal calibration rows: most lie below "
    f"{np.quantile(calibration_scores, 0.8):.0f}, and a tail reaches to "
    f"{calibration_scores.max():.0f}. Dashed lines: a cutoff by eye at {by_eye} and the quantile "
    f"cutoff at {model.cutoff:.0f}.",
)

# %% [markdown]
# By eye is honest as long as the eye sees calibration rows only, but two people choose two cutoffs.
# A rule does not: `quantile:0.95` takes the [quantile](../glossary.md#quantile) that about
# {{ level:.0%}} of normal rows stay below, so that about {{ 1 - level:.0%}} of fresh normal rows
# should be flagged. That is {{ model.cutoff:.0f}} here. Now, once, the test rows:


# %%
def judge(cutoff):
    report = evaluate(parts.test_labels, model.anomaly_score(parts.test), cutoff)
    return {
        "flagged": report.flags.sum(),
        "false alarms": report.confusion.fp,
        "misses": report.confusion.fn,
        "recall": round(report.recall, 3),
        "precision": round(report.precision, 3),
        "false-positive rate": round(report.false_positive_rate, 3),
    }


pd.DataFrame({f"by eye, {by_eye}": judge(by_eye), "quantile": judge(model.cutoff)}).T

# %% tags=["hide"]
report = evaluate(parts.test_labels, model.anomaly_score(parts.test), model.cutoff)
reports = []
for seed in range(seeds):
    other = split(cancer, seed=seed)
    again = AnomalyModel(CentroidDetector(), threshold="quantile:0.95")
    again.fit(other.fit).calibrate(other.calibrate)
    reports.append(evaluate(other.test_labels, again.anomaly_score(other.test), again.cutoff))
recalls = np.array([r.recall for r in reports])
rates = np.array([r.false_positive_rate for r in reports])
recall, rate = recalls.mean(), rates.mean()

# %% tags=["claim"]
looser = judge(by_eye)
assert by_eye < model.cutoff, "lesson 01: the cutoff by eye is the lower one"
assert looser["misses"] < report.confusion.fn, "lesson 01: a lower cutoff misses less"
assert looser["false alarms"] > report.confusion.fp, "lesson 01: ... at more false alarms"
assert 0.75 < recall < 0.9, "lesson 01: it finds most malignant tumours"
assert 0.03 < rate < 0.075, "lesson 01: the promise is kept in the mean"
assert rates.min() < 0.02 and rates.max() > 0.1, "lesson 01: ... but not on every split"

# %% [markdown]
# The words of the table:
#
# - a **false alarm** is a normal row that is flagged; a **miss** is an anomaly that is not;
# - **recall** is the share of the anomalies that are flagged;
# - **precision** is the share of the flagged rows that are anomalies;
# - the **false-positive rate** is the share of the normal rows that are flagged.
#
# The lower cutoff misses fewer tumours, at the price of more false alarms. No cutoff does away with
# both, because the scores of the two kinds overlap:

# %% tags=["fold"]
fig, ax = plt.subplots(figsize=(4.4, 3))
drawing.score_histogram(report, ax=ax, name="distance-to-the-mean")

# %% [markdown]
# One split is one draw of a lottery. Over {{ seeds }} random splits the recall is {{ recall:.0%}}
# in the mean, from {{ recalls.min():.0%}} to {{ recalls.max():.0%}}. The false-positive rate keeps
# the promise of {{ 1 - level:.0%}} in the mean ({{ rate:.1%}}), yet it goes from
# {{ rates.min():.1%}} to {{ rates.max():.1%}}: {{ len(parts.calibrate) }} calibration rows say
# little about the top {{ 1 - level:.0%}}. [Lesson 06](06_choosing_the_threshold.ipynb) is about
# cutoffs; [lesson 07](07_measuring_rare_events.ipynb) about measuring.

# %% [markdown] tags=["exercise"]
# ## Exercise 1: recall and precision (5 minutes)
#
# Write `recall_and_precision(flags, labels)`. Both arguments are arrays of 0 and 1, one entry a row
# (1 = flagged, 1 = anomaly). Return the two numbers, recall first. Where no row is flagged, there
# is no share to take; let the precision be 0 then.


# %% tags=["exercise"]
def recall_and_precision(flags, labels):
    # BEGIN SOLUTION
    found = np.sum((flags == 1) & (labels == 1))
    precision = found / np.sum(flags) if np.any(flags) else 0.0
    return found / np.sum(labels), precision
    # END SOLUTION


# %% tags=["check"]
def check_1(recall_and_precision):
    """Both numbers have the same numerator. What do they divide it by?

    Count the rows that are flagged and anomalous. Recall asks: of all
    anomalies? Precision: of all flagged?

    Divide the count by labels.sum() for the one and by flags.sum() for the other, and
    look first whether the latter is 0.
    """
    rng = np.random.default_rng(0)
    labels = (rng.random(60) < 0.3).astype(int)
    flags = (rng.random(60) < 0.5).astype(int)
    pairs = list(zip(flags.tolist(), labels.tolist(), strict=True))
    found, missed, false = pairs.count((1, 1)), pairs.count((0, 1)), pairs.count((1, 0))
    answer = recall_and_precision(flags.copy(), labels.copy())
    assert np.shape(answer) == (2,), "expected two numbers: recall, precision"
    assert np.isclose(answer[0], found / (found + missed)), (
        "the first number should be the recall: the share of the anomalies that are flagged"
    )
    assert np.isclose(answer[1], found / (found + false)), (
        "the second number should be the precision: the share of the flagged that are anomalies"
    )
    with np.errstate(invalid="ignore", divide="ignore"):
        try:
            none = recall_and_precision(np.zeros(60, dtype=int), labels.copy())
        except ZeroDivisionError:
            none = (np.nan, np.nan)
    assert np.allclose(none, (0, 0)), "with no row flagged, both numbers should be 0"


# %% tags=["wrong"]
# hint: first number should be the recall
def recall_and_precision(flags, labels):
    found = np.sum(flags * labels)
    return found / np.sum(flags), found / np.sum(labels)


# %% tags=["wrong"]
# hint: no row flagged
def recall_and_precision(flags, labels):
    return flags[labels == 1].mean(), labels[flags == 1].mean() if flags.any() else 1.0


# %% tags=["wrong"]
# hint: first number should be the recall
def recall_and_precision(flags, labels):
    right = np.mean(flags == labels)
    return right, np.sum(flags * labels) / max(np.sum(flags), 1)


# %% tags=["right"]
def recall_and_precision(flags, labels):
    found = sum(1 for f, y in zip(flags, labels, strict=True) if f and y)
    return found / sum(labels), found / max(sum(flags), 1)


# %% [markdown] tags=["solution"]
# Recall and precision share their numerator, the anomalies that are flagged. Recall divides by what
# there was to find, precision by what was flagged. A detector that flags everything has recall 1;
# one that flags only its surest row may have precision 1. Neither number means much without the
# other.

# %% tags=["hide"]
crowd, rare = 1000, 0.01
test_prevalence = report.prevalence
counts = {}
for prevalence in (test_prevalence, rare):
    malignant = round(crowd * prevalence)
    found, false = round(malignant * recall), round((crowd - malignant) * rate)
    counts[prevalence] = (found, malignant - found, false, crowd - malignant - false)

# %% [markdown]
# ## When anomalies are rare
#
# The share of anomalies among the rows is the **prevalence**, or base rate. It is
# {{ test_prevalence:.0%}} among the test rows, because these tumours had been found suspicious
# enough to take a sample. Suppose the detector gets {{ crowd:,}} other tumours, of which
# {{ rare:.0%}} are malignant, and that its recall ({{ recall:.0%}}) and its false-positive rate
# ({{ rate:.1%}}) stay what they are.
#
# > **Predict.** Among those, a tumour is flagged. Is it more likely malignant or benign?

# %% tags=["fold"]
fig, axes = plt.subplots(1, 2, figsize=(6.7, 2.7))
grid = np.stack(np.meshgrid(np.arange(40), np.arange(25), indexing="ij"), axis=-1).reshape(-1, 2)
looks = [
    {"c": ANOMALY, "marker": "^", "s": 12, "linewidths": 0.8},
    {"c": "none", "marker": "^", "s": 12, "linewidths": 0.8, "edgecolors": ANOMALY},
    {"c": NORMAL, "marker": "o", "s": 12, "linewidths": 0},
    {"c": QUIET, "marker": "o", "s": 2, "linewidths": 0},
]
for ax, (prevalence, numbers) in zip(axes, counts.items(), strict=True):
    start = 0
    for n, look in zip(numbers, looks, strict=True):
        ax.scatter(*grid[start : start + n].T, rasterized=True, **look)
        start += n
    found, missed, false, quiet = numbers
    ax.set_title(f"prevalence {prevalence:.0%}", pad=6)
    ax.set_xlabel(
        f"flagged: {found} malignant ▲, {false} benign ●\nnot flagged: {missed} malignant △",
        fontsize=9,
    )
    ax.set(xticks=[], yticks=[], ylim=(24.7, -0.7), xlim=(-0.7, 39.7))
    ax.spines[:].set_visible(False)
alarms = {p: (found, found + false) for p, (found, _, false, _) in counts.items()}
show(
    fig,
    f"Two crowds of {crowd:,} tumours, one mark each. At a prevalence of {test_prevalence:.0%}, "
    f"{alarms[test_prevalence][0]} of {alarms[test_prevalence][1]} flagged tumours are malignant. "
    f"At {rare:.0%}, {alarms[rare][0]} of {alarms[rare][1]} are: a few triangles beside many dots.",
)

# %% tags=["claim"]
assert alarms[test_prevalence][0] > 0.8 * alarms[test_prevalence][1], "lesson 01: precise at 37%"
assert alarms[rare][0] < 0.25 * alarms[rare][1], "lesson 01: few alarms are true at 1%"

# %% [markdown]
# Of {{ alarms[rare][1] }} flagged tumours, {{ alarms[rare][0] }} are malignant. The detector is no
# worse than before: it finds the same share of the malignant tumours and bothers the same share of
# the benign ones. But there are so many benign ones that a small share of them outnumbers
# everything else. Counting heads, as here, makes this easier to see than percentages do
# ([Gigerenzer and Hoffrage 1995](https://doi.org/10.1037/0033-295X.102.4.684)). In a formula it is
# Bayes' rule:


# %%
def precision_at(prevalence):
    true_alarms = prevalence * recall
    false_alarms = (1 - prevalence) * rate
    return true_alarms / (true_alarms + false_alarms)


shares = np.array([test_prevalence, 0.1, 0.01, 0.001])
pd.DataFrame({"prevalence": shares, "precision": precision_at(shares)}).round(3)

# %% tags=["hide"]
clinic = 0.005

# %% tags=["claim"]
assert precision_at(0.001) < 0.03, "lesson 01: at 0.1% nearly every alarm is false"

# %% [markdown]
# Recall and false-positive rate describe the detector (as long as anomalies only become rarer and
# not different). Precision describes the detector *and* the place where it is used. So never quote
# precision without the prevalence. For rare anomalies the false-positive rate decides whether
# anybody will listen to the alarms; in computer security that has been known since [Axelsson
# 2000](https://doi.org/10.1145/357830.357849).

# %% [markdown] tags=["exercise"]
# ## Exercise 2: how many false alarms can you afford? (5 minutes)
#
# A clinic expects one malignant tumour in {{ 1 / clinic:.0f}} (`clinic` holds that prevalence), and
# its doctors want at least half of the flagged tumours to be malignant. Take `recall` as it is.
# Choose `allowed_rate`, a false-positive rate that is low enough, and not needlessly low: within a
# tenth of the highest possible. Then defend it: what does such a rate ask of the cutoff, and of the
# calibration rows?

# %% tags=["exercise"]
allowed_rate = 0.98 * clinic * recall / (1 - clinic)  # SOLUTION


# %% tags=["check"]
def check_2(allowed_rate, clinic, recall):
    """Think of a round crowd, such as 10,000 tumours. How many are malignant, and
    how many of these are flagged?

    If half of the flagged are to be malignant, how many benign ones may be flagged at most?

    Divide that number by the number of benign tumours in the crowd.
    """
    crowd = 1_000_000
    found = crowd * clinic * recall
    allowed = float(allowed_rate)
    assert 0 < allowed < 1, "a rate is a share: above 0 and below 1"
    false = crowd * (1 - clinic) * allowed
    assert false <= found * (1 + 1e-9), "more than half of the flagged tumours would be benign"
    assert 1.1 * false >= found, "a higher rate would do too: this one is needlessly low"


# %% tags=["wrong"]
# hint: would be benign
allowed_rate = 0.05

# %% tags=["wrong"]
# hint: would be benign
allowed_rate = clinic

# %% tags=["wrong"]
# hint: needlessly low
allowed_rate = clinic / 2

# %% tags=["right"]
allowed_rate = round(clinic * recall / (1 - clinic), 5) - 0.00001

# %% [markdown] tags=["solution"]
# Half of the alarms are false when false alarms are as many as anomalies found: (1 - prevalence) ×
# rate = prevalence × recall. The rate that follows, {{ allowed_rate:.2%}}, is far below the
# {{ 1 - level:.0%}} of the lesson. The tempting answer, the prevalence itself, forgets that not
# every anomaly is found. Two things to say in defence of any answer: such a rate needs a higher
# cutoff, so the recall will not stay as it is; and a cutoff that one normal row in
# {{ 1 / allowed_rate:.0f}} exceeds cannot be read off {{ len(parts.calibrate) }} calibration rows.

# %% [markdown]
# ## Break it: the accuracy of doing nothing
#
# Accuracy is the share of rows that are judged rightly. It is the figure that many reports lead
# with. Let us set the detector against a rival that has learnt nothing and flags nothing: "all
# normal".
#
# > **Predict.** At a prevalence of {{ rare:.0%}}, which of the two has the higher accuracy?

# %%
accuracy = shares * recall + (1 - shares) * (1 - rate)
table = pd.DataFrame({"prevalence": shares, "detector": accuracy, "all normal": 1 - shares})
table.round(3)

# %% tags=["claim"]
assert list(accuracy > 1 - shares) == [True, True, False, False], "lesson 01: who is more accurate"
assert np.array_equal(accuracy > 1 - shares, precision_at(shares) > 0.5), "lesson 01: same border"

# %% [markdown]
# At {{ rare:.0%}} the rival wins, {{ table["all normal"][2]:.1%}} against
# {{ table["detector"][2]:.1%}}, with a recall of 0. When nearly every row is normal, accuracy is
# nearly all about the normal rows, and the surest way to be right about those is never to raise an
# alarm.
#
# Where does doing nothing take over? Each anomaly found is a row more that is right, each false
# alarm a row less. So the detector is the less accurate one as soon as false alarms outnumber the
# anomalies found, that is, when its precision falls below one half. Compare the two tables. It may
# still be very useful: a doctor who looks at {{ alarms[rare][1] }} flagged tumours instead of
# {{ crowd:,}} and finds most of the malignant ones will not complain.

# %% [markdown] tags=["exercise"]
# ## Exercise 3: let nothing win (5 minutes)
#
# Break the detector's accuracy on real rows. In `report`, the test rows of the split above, there
# are {{ report.confusion.fp }} false alarms and a recall of {{ report.recall:.3f}}. Keep all the
# normal rows, but only some of the anomalies. What is the largest number of anomalies, `keep`, at
# which "all normal" still has the higher accuracy? (Count on the detector finding its usual share
# of those you keep, fractions included.)

# %% tags=["exercise"]
keep = int(np.ceil(report.confusion.fp / report.recall)) - 1  # SOLUTION


# %% tags=["check"]
def check_3(keep, report):
    """Both get the same normal rows. On which rows do they differ?

    "All normal" is right about every normal row. The detector is wrong about its
    false alarms, and right about the anomalies it finds.

    "All normal" leads as long as keep times recall is below the number of false alarms.
    """
    normal = report.confusion.tn + report.confusion.fp

    def lead_of_all_normal(n):
        detector = (report.confusion.tn + n * report.recall) / (normal + n)
        return normal / (normal + n) - detector

    assert keep == int(keep) and keep >= 1, "keep a whole number of anomalies, at least one"
    assert lead_of_all_normal(keep) > 0, (
        "with so many anomalies the detector is at least as accurate"
    )
    assert lead_of_all_normal(keep + 1) <= 0, (
        "one more could stay and 'all normal' would still lead"
    )


# %% tags=["wrong"]
# hint: at least as accurate
keep = 10

# %% tags=["wrong"]
# hint: one more could stay
keep = 1

# %% tags=["wrong"]
# hint: at least one
keep = 0

# %% tags=["right"]
keep = max(n for n in range(1, 65) if n * report.recall < report.confusion.fp)

# %% [markdown] tags=["solution"]
# "All normal" makes one mistake for each anomaly kept. The detector makes {{ report.confusion.fp }}
# mistakes on normal rows and (1 - recall) for each anomaly. It falls behind while `keep` × recall
# is below {{ report.confusion.fp }}, so up to {{ keep }} anomalies, a prevalence of
# {{ keep / (keep + report.confusion.fp + report.confusion.tn):.1%}}. That is still a lot more than
# in most applications.

# %% [markdown]
# ## Key points
#
# - What is an anomaly is decided by the task. Whether it can be found is decided by the columns: a
#   contextual or collective anomaly needs columns that carry the context or the group.
# - A detector learns from normal rows, gives every row a score, and a cutoff turns scores into
#   flags. Fit, calibrate and test on different rows.
# - The distance to the mean of z-scored columns is the baseline that every other detector has to
#   beat.
# - For the same recall and false-positive rate, precision falls with the prevalence.
# - Accuracy says little about rare anomalies; quote the accuracy of "all normal" beside it, or
#   leave it out.

# %% [markdown]
# ## Test yourself
#
# <details>
# <summary>A pump reports 0 litres an hour at noon on a working day. It reports 0 every night. Which
# kind of anomaly is it, and which column would show it?</summary>
#
# A contextual one: the value is ordinary, the time is not. A column such as "flow minus the usual
# flow at this hour" turns it into a point anomaly, which a distance to the mean can flag.
#
# </details>
#
# <details>
# <summary>A colleague z-scores the whole table, then splits it into fitting, calibration and test
# rows. What is wrong with that?</summary>
#
# Mean and standard deviation then come from the test rows too, anomalies included. These stretch
# the ruler, and the test no longer shows what the detector would do with rows that come later.
# Split first; learn the scaling from the fitting rows.
#
# </details>
#
# <details>
# <summary>A report says: "accuracy {{ 1 - shares[-1]:.1%}}, on transactions of which
# {{ shares[-1]:.1%}} are fraud". What do you ask?</summary>
#
# What flagging nothing would reach: the same figure. Then the recall and the precision, with the
# prevalence beside them, at the cutoff that will be used, and how that cutoff was chosen.
#
# </details>

# %% [markdown]
# ## Sources
#
# - Chandola, V., Banerjee, A. and Kumar, V. (2009). Anomaly detection: a survey. *ACM Computing
#   Surveys* 41(3), article 15.
#   [doi:10.1145/1541880.1541882](https://doi.org/10.1145/1541880.1541882)
# - Gigerenzer, G. and Hoffrage, U. (1995). How to improve Bayesian reasoning without instruction:
#   frequency formats. *Psychological Review* 102, 684-704.
#   [doi:10.1037/0033-295X.102.4.684](https://doi.org/10.1037/0033-295X.102.4.684)
# - Axelsson, S. (2000). The base-rate fallacy and the difficulty of intrusion detection. *ACM
#   Transactions on Information and System Security* 3, 186-205.
#   [doi:10.1145/357830.357849](https://doi.org/10.1145/357830.357849)
# - Street, W. N., Wolberg, W. H. and Mangasarian, O. L. (1993). Nuclear feature extraction for
#   breast tumor diagnosis. *Proc. SPIE* 1905.
#   [doi:10.1117/12.148698](https://doi.org/10.1117/12.148698). The data: UCI,
#   [doi:10.24432/C5DW2B](https://doi.org/10.24432/C5DW2B), CC BY 4.0.
