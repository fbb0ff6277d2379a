// The threshold explorer: a cutoff to drag through a detector's scores, and all that follows from it.
// The data count the rows of each class above each cutoff that can be chosen: nothing is estimated.
{
  const { begin, clip, count, html, place, set, share, short } = explorables
  const USUAL = "Quantile(level=0.95)"
  const RARE = { low: 0.0001, high: 0.5, steps: 150 } // the prevalences to choose from
  const PRICE = { low: 0.01, high: 1e6 }

  const cell = (name, of, words) => `<td><span class="area ${of}"></span>
    <span class="words"><data class="${name}"></data>${words}<span></span></span></td>`
  const figure = (name, title, note) => `<tr>
    <th scope="row">${title} <span class="quiet">${note}</span></th>
    <td><data class="${name}"></data></td></tr>`
  const price = name =>
    `<input type="number" name="${name}" min="${PRICE.low}" max="${PRICE.high}" step="any">`
  const PARTS = {
    choose: `<label>Data set <select name="set"></select></label>
      <label>Detector <select name="detector"></select></label>`,
    histogram: "",
    counts: `<table class="areas">
      <tr><td></td><th scope="col">not flagged</th><th scope="col">flagged</th></tr>
      <tr><th scope="row">normal</th>
        ${cell("tn", "normal", "left alone")}${cell("fp", "normal flagged", "false alarms")}</tr>
      <tr><th scope="row">abnormal</th>
        ${cell("fn", "anomalies", "missed")}${cell("tp", "anomalies flagged", "found")}</tr></table>`,
    figures: `<table class="rates">
      ${figure("recall", "Recall", "of abnormal rows")}
      ${figure("precision", "Precision", "of flagged rows")}
      ${figure("f1", "F1", "their harmonic mean")}
      ${figure("accuracy", "Accuracy", 'flag nothing: <data class="baseline"></data>')}
      ${figure("rate", "False-positive rate", "of normal rows")}
      ${figure("cost", "Cost", "per 1,000 rows")}</table>`,
    curves: "",
    rules: `<fieldset><legend>Put the cutoff by a rule</legend></fieldset>
      <p class="here"></p><p class="refusals"></p>`,
    prices: `<fieldset><legend>Prices</legend>
      <label>a false alarm ${price("alarm")}</label> <label>a miss ${price("miss")}</label></fieldset>`,
    prevalence: `<p class="row">
      <label for="threshold-prevalence">Prevalence <data class="rare"></data></label>
      <button type="button" name="tested">As in the test rows</button></p>
      <input type="range" id="threshold-prevalence" name="prevalence" max="${RARE.steps}">
      <p class="quiet">Recall and false-positive rate stay; the other figures move.</p>`,
    challenge: `<p class="row"><span>Challenge: find the cheapest cutoff. Now 1,000 rows cost
      <data class="yours"></data>.</span> <button type="button" name="answer"></button></p>
      <p class="reply"></p>`,
  }

  const slug = title => title.toLowerCase().replace(/[^a-z0-9]+/g, "-")
  const named = (all, name) => all.find(one => slug(one.title) === name) ?? all[0]
  const options = all => all.map(one => html("option", { value: slug(one.title) }, one.title))
  const nearest = (values, wanted) => { // of ascending values
    const near = clip(wanted, values[0], values.at(-1))
    const away = values.map(value => Math.abs(value - near))
    return away.indexOf(Math.min(...away))
  }
  const usualCutoff = ({ rules, cutoffs }) =>
    rules.find(rule => rule.name === USUAL).cutoff ?? cutoffs[cutoffs.length >> 1]
  const brief = rule => rule.replace(/\w+=/g, "")
  const percent = value => value === undefined ? "–" : share(value, 1)

  // The first of [cutoff, false alarms, misses] that costs least but for rounding, as in
  // anomaly_lab.thresholds.
  const cheapest = (corners, alarm, miss) => {
    const costs = corners.map(([, alarms, misses]) => alarm * alarms + miss * misses)
    return corners[costs.findIndex(cost => cost <= Math.min(...costs) * (1 + 1e-12))][0]
  }

  // What a cutoff is worth where `prevalence` of all rows are abnormal.
  const judge = ({ normal, anomalies }, i, prevalence, { alarm, miss }) => {
    const recall = anomalies.above[i] / anomalies.rows, rate = normal.above[i] / normal.rows
    const found = prevalence * recall, alarms = (1 - prevalence) * rate
    return {
      recall, rate, baseline: 1 - prevalence,
      precision: found + alarms ? found / (found + alarms) : undefined,
      f1: 2 * found / (found + alarms + prevalence),
      accuracy: found + (1 - prevalence) * (1 - rate),
      cost: 1000 * (alarm * alarms + miss * (prevalence - found)),
    }
  }

  explorables.kinds.threshold = (holder, data) => {
    const frame = html("div")
    frame.innerHTML = Object.entries(PARTS).map(([name, text]) =>
      `<div data-part="${name}">${text}</div>`).join("")
    const parts = Object.fromEntries([...frame.children].map(part => [part.dataset.part, part]))
    const byName = (selector, name) =>
      Object.fromEntries([...frame.querySelectorAll(selector)].map(found => [found[name], found]))
    const figures = byName("data", "className"), fields = byName("[name]", "name")
    const words = byName("p[class]", "className")
    const put = (name, value, text) => {
      figures[name].value = value ?? ""
      figures[name].textContent = text
    }

    let one, i, prevalence, drawn, drawnAt, width = 680
    const choose = cutoff => state.change({ cutoff: String(cutoff) })
    const afresh = values => state.change({ ...values, answer: "hidden" })
    const judged = (i, values) => judge(one, i, prevalence, values)
    const rules = ({ alarm, miss }) => [...one.rules.map(rule => ({ ...rule, name: brief(rule.name) })), {
      name: `Cost(${alarm}, ${miss})`, assumes: data.cost, cutoff: cheapest(one.priced, alarm, miss),
    }]
    const buttons = [...data.sets[0].detectors[0].rules, "Cost"].map((_, which) => html("button", {
      type: "button", click: () => choose(rules(state.values)[which].cutoff),
    }))
    parts.rules.firstElementChild.append(...buttons)

    const { histogram, rates } = explorables.charts
    const scores = histogram(parts.histogram, {
      one: () => one, i: () => i,
      choose: to => choose(one.cutoffs[clip(to, 0, one.cutoffs.length - 1)]),
      words: () => `${short(one.cutoffs[i])}: ${count(one.normal.above[i])} false alarms, ` +
        `${count(one.anomalies.above[i])} of ${count(one.anomalies.rows)} abnormal rows found`,
    })
    const roc = rates(parts.curves, "ROC curve", "false-positive rate", "recall")
    const pr = rates(parts.curves, "Precision-recall curve", "recall", "precision")

    const valid = values => {
      const rows = named(data.sets, values.set), detector = named(rows.detectors, values.detector)
      const wanted = Number(values.cutoff), rare = Number(values.prevalence), usual = usualCutoff(detector)
      const given = values.cutoff.trim() && Number.isFinite(wanted)
      const cutoff = given ? detector.cutoffs[nearest(detector.cutoffs, wanted)] : usual
      return {
        set: slug(rows.title), detector: slug(detector.title),
        cutoff: cutoff === usual ? "" : String(cutoff),
        alarm: clip(values.alarm, PRICE.low, PRICE.high), miss: clip(values.miss, PRICE.low, PRICE.high),
        prevalence: rare > 0 ? String(clip(rare, RARE.low, RARE.high)) : "",
        answer: values.answer === "shown" ? "shown" : "hidden",
      }
    }

    const drawScores = values => {
      scores.draw(width)
      fields.detector.replaceChildren(...options(named(data.sets, values.set).detectors))
      fields.set.value = values.set
      fields.detector.value = values.detector
      one.rules.forEach((rule, which) => { buttons[which].disabled = "refuses" in rule })
      words.refusals.textContent = one.rules.map(rule => rule.refuses ?? "").join(" ").trim()
    }

    const drawCurves = values => {
      const all = one.cutoffs.map((_, i) => judged(i, values))
      const size = clip((width - 24) / 2, 120, 220)
      roc.draw(size, all.map(({ rate, recall }) => [rate, recall]), [[0, 0], [1, 1]])
      pr.draw(size, all.filter(({ precision }) => precision !== undefined)
        .map(({ recall, precision }) => [recall, precision]), [[0, prevalence], [1, prevalence]])
      put("rare", prevalence, `${short(100 * prevalence)}%`)
      fields.prevalence.value = Math.round(RARE.steps * place(prevalence, RARE.low, RARE.high, true))
      set(fields.prevalence, { "aria-valuetext": figures.rare.textContent })
    }

    const counted = (name, rows, { rows: all }) => {
      const [area, inWords] = figures[name].closest("td").children
      put(name, rows, count(rows))
      area.style.width = `${100 * rows / all}%`
      inWords.lastElementChild.textContent = share(rows, all)
    }

    const answer = (best, yours, values) => {
      const cost = cutoff => judged(one.cutoffs.indexOf(cutoff), values).cost, least = cost(best)
      const more = value => value - least <= 1e-9 * value ? "is as cheap"
        : `costs ${short(value - least)} more${least ? ` (${short(100 * (value / least - 1))}%)` : ""}`
      const { name, cutoff } = rules(values).at(-1)
      return `The cheapest of all cutoffs is ${short(best)}: 1,000 rows cost ${short(least)}. ` +
        `Yours ${more(yours)}. ${name}, at ${short(cutoff)}, ${more(cost(cutoff))}: ` +
        "it saw validation rows only."
    }

    const show = values => {
      one = named(named(data.sets, values.set).detectors, values.detector)
      i = nearest(one.cutoffs, values.cutoff ? Number(values.cutoff) : usualCutoff(one))
      const { normal, anomalies } = one, cutoff = one.cutoffs[i]
      prevalence = Number(values.prevalence) || anomalies.rows / (normal.rows + anomalies.rows)
      const what = [values.set, values.detector, width].join()
      if (what !== drawn) drawScores(values)
      if (what !== drawn || prevalence !== drawnAt) drawCurves(values)
      ;[drawn, drawnAt] = [what, prevalence]

      counted("tn", normal.rows - normal.above[i], normal)
      counted("fp", normal.above[i], normal)
      counted("fn", anomalies.rows - anomalies.above[i], anomalies)
      counted("tp", anomalies.above[i], anomalies)
      const now = judged(i, values)
      for (const name of ["recall", "precision", "accuracy", "baseline", "rate"]) {
        put(name, now[name], percent(now[name]))
      }
      put("f1", now.f1, now.f1.toFixed(3))
      put("cost", now.cost, short(now.cost))
      put("yours", now.cost, short(now.cost))
      const recall = `recall ${percent(now.recall)}`
      const precision = `precision ${now.precision === undefined ? "undefined" : percent(now.precision)}`
      roc.show(now.rate, now.recall, `Here: false-positive rate ${percent(now.rate)}, ${recall}`)
      pr.show(now.recall, now.precision, `Here: ${recall}, ${precision}`)

      rules(values).forEach((rule, which) => {
        buttons[which].textContent = rule.name
        set(buttons[which], { "aria-pressed": rule.cutoff === cutoff })
      })
      words.here.textContent = rules(values).filter(rule => rule.cutoff === cutoff)
        .map(({ name, assumes }) => `${name} ${assumes[0].toLowerCase()}${assumes.slice(1)}`).join(" ") ||
        "No rule puts it where it is now."
      for (const name of ["alarm", "miss"]) { // a number half typed stays
        if (Number(fields[name].value) !== values[name]) fields[name].value = values[name]
      }

      const open = values.answer === "shown"
      const best = cheapest(one.cheapest, (1 - prevalence) * values.alarm / normal.rows,
        prevalence * values.miss / anomalies.rows)
      fields.answer.textContent = open ? "Hide the answer" : "Show the answer"
      words.reply.textContent = open ? answer(best, now.cost, values) : ""
      scores.show(cutoff, open ? best : undefined)
      return `Cutoff ${short(cutoff)}: ${recall}, ${precision}, cost ${short(now.cost)}. ` +
        words.reply.textContent
    }

    fields.set.append(...options(data.sets))
    fields.set.parentElement.hidden = data.sets.length === 1
    for (const name of ["set", "detector"]) {
      fields[name].addEventListener("change", () => afresh({ [name]: fields[name].value, cutoff: "" }))
    }
    for (const name of ["alarm", "miss"]) {
      const field = fields[name]
      field.addEventListener("input", () => field.value > 0 && afresh({ [name]: Number(field.value) }))
      field.addEventListener("change", () => { field.value = state.values[name] })
    }
    fields.prevalence.addEventListener("input", () => {
      const rare = RARE.low * (RARE.high / RARE.low) ** (fields.prevalence.value / RARE.steps)
      afresh({ prevalence: rare.toPrecision(3) })
    })
    fields.tested.addEventListener("click", () => afresh({ prevalence: "" }))
    fields.answer.addEventListener("click", () =>
      state.change({ answer: state.values.answer === "shown" ? "hidden" : "shown" }))

    const [{ title, detectors }] = data.sets
    const usual = {
      set: slug(title), detector: slug(detectors[0].title), cutoff: "", alarm: 1, miss: 10,
      prevalence: "", answer: "hidden",
    }
    const state = begin(holder, { kind: "threshold", title: "Move the cutoff", parts, usual, valid, show })
    new ResizeObserver(([seen]) => {
      if (!seen.contentRect.width) return // not laid out yet
      width = Math.round(seen.contentRect.width)
      show(state.values)
    }).observe(holder.querySelector(".title"))
  }
}
