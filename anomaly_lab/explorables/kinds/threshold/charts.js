// Charts of the threshold explorer: scores of two classes in bars, with a cutoff to drag; one rate
// against another. Both are drawn as wide as they are shown, so that letters keep their size.
{
  const { clip, count, html, place, point, set, short, slider, svg } = explorables
  const CLASSES = { normal: "normal", anomalies: "abnormal" }

  // Round numbers between two others; in equal factors 1, 2 and 5, or powers of ten alone.
  const ticks = (low, high, factors, most) => {
    if (!factors) {
      const ten = 10 ** Math.floor(Math.log10((high - low) / most))
      const step = ten * [1, 2, 5, 10].find(head => head * ten * most >= high - low)
      const from = Math.ceil(low / step)
      return Array.from({ length: Math.floor(high / step) - from + 1 }, (_, i) => (from + i) * step)
    }
    const heads = high < 300 * low ? [1, 2, 5] : [1]
    const powers = Array.from({ length: 60 }, (_, i) => Number(`1e${i - 30}`))
    const all = powers.flatMap(ten => heads.map(head => head * ten))
      .filter(value => low <= value && value <= high)
    return all.filter((_, i) => i % Math.ceil(all.length / most) === 0)
  }

  // Put a histogram into a part. one(): the data of a detector; i(): where among its cutoffs we are;
  // choose(i): go elsewhere; words(): where we are, for the ear.
  const histogram = (part, { one, i, choose, words }) => {
    const LEFT = 40, RIGHT = 12, TOP = 44, BASE = 190, MIDDLE = (TOP + BASE) / 2
    const hatch = svg("pattern", {
      id: "threshold-hatch", width: 6, height: 6, patternUnits: "userSpaceOnUse",
      patternTransform: "rotate(45)",
    }, svg("path", { d: "M3 0V6" }))
    const beyond = svg("rect", { height: BASE })
    const bars = Object.keys(CLASSES).map(name => ["", "flagged", "outline"].map(layer =>
      svg("path", { class: `bars ${name} ${layer}` })))
    const axes = svg("g", { class: "axes" })
    const plane = svg("rect", { class: "reach", x: LEFT, y: TOP, height: BASE - TOP })
    const mark = svg("path", { d: `M0 14V${BASE}` })
    const cheapest = svg("text", { y: 11, "text-anchor": "middle" }, "cheapest")
    const best = svg("g", { class: "best" }, mark, cheapest)
    const label = svg("text", { class: "at", y: 28, "text-anchor": "middle" })
    const handle = svg("g", { class: "handle" },
      svg("rect", { class: "reach", x: -22, y: 33, width: 44, height: BASE - 25 }),
      svg("path", { d: `M0 33V${BASE}` }), svg("circle", { cy: MIDDLE, r: 11 }),
      svg("path", { d: `M-3 ${MIDDLE - 4}l-4 4l4 4M3 ${MIDDLE - 4}l4 4l-4 4` }))
    const drawing = svg("svg", { role: "group", "aria-label": "Histogram of the scores" },
      svg("defs", {}, hatch, svg("clipPath", { id: "threshold-beyond" }, beyond)),
      ...bars.flat(), axes, plane, best, label, handle)
    const keys = Object.keys(CLASSES).map(name => html("span", { class: `swatch ${name}` }))
    part.append(drawing, html("p", { class: "row" }, ...keys,
      html("span", { class: "quiet" }, "bars: share of the class")))

    let width
    const x = score => LEFT + (width - LEFT - RIGHT) * place(score, ...one().axis, one().logarithmic)
    const at = event => {
      const [to] = point(drawing, event)
      const { cutoffs, normal, anomalies } = one()
      const flagged = cutoffs.map((_, i) => normal.above[i] + anomalies.above[i])
      if (to <= LEFT) return flagged.lastIndexOf(normal.rows + anomalies.rows)
      if (to >= width - RIGHT) return flagged.indexOf(0)
      const away = cutoffs.map(cutoff => Math.abs(x(cutoff) - to))
      return away.indexOf(Math.min(...away))
    }
    plane.addEventListener("click", event => choose(at(event)))
    const tell = slider(handle, {
      label: "Cutoff", low: 0, high: Infinity, step: 1, get: i, put: choose, at, words,
    })

    const draw = wide => {
      width = wide
      const { axis, cutoffs, logarithmic } = one()
      const shares = Object.keys(CLASSES).map(name => one()[name].bars.map(rows => rows / one()[name].rows))
      const step = (width - LEFT - RIGHT) / shares[0].length, most = Math.max(...shares.flat())
      const y = value => BASE - (BASE - TOP) * value / most
      set(drawing, { viewBox: `0 0 ${width} ${BASE + 38}` })
      set(plane, { width: width - LEFT - RIGHT })
      set(handle, { "aria-valuemax": cutoffs.length - 1 })
      shares.forEach((all, which) => {
        const tops = all.map((value, i) => `V${y(value).toFixed(1)}H${(LEFT + (i + 1) * step).toFixed(1)}`)
        for (const layer of bars[which]) set(layer, { d: `M${LEFT} ${BASE}${tops.join("")}V${BASE}` })
      })
      axes.replaceChildren(
        svg("path", { d: `M${LEFT} ${BASE}H${width - RIGHT}` }),
        svg("text", { x: (LEFT + width - RIGHT) / 2, y: BASE + 34, "text-anchor": "middle" },
          `anomaly score${logarithmic ? " (logarithmic)" : ""}`),
        ...ticks(0, most, false, 4).map(value =>
          svg("text", { x: LEFT - 6, y: y(value) + 4, "text-anchor": "end" }, `${short(100 * value)}%`)),
        ...ticks(...axis, logarithmic, width / 60).flatMap(value => [
          svg("path", { d: `M${x(value)} ${BASE}v4` }),
          svg("text", { x: x(value), y: BASE + 17, "text-anchor": "middle" }, short(value))]))
      Object.entries(CLASSES).forEach(([name, words], which) => {
        keys[which].textContent = `${words} (${count(one()[name].rows)} rows)`
      })
    }

    // cutoff: where the line is; answer: where to mark the cheapest one, if anywhere.
    const show = (cutoff, answer) => {
      const [low, high] = one().axis
      const off = cutoff < low ? ", left of the axis" : cutoff > high ? ", right of the axis" : ""
      label.textContent = `cutoff ${short(cutoff)}${off}`
      const inside = (at, text) => clip(at, 3.4 * text.length, width - 3.4 * text.length)
      set(label, { x: inside(x(cutoff), label.textContent) })
      set(handle, { transform: `translate(${x(cutoff)})` })
      set(beyond, { x: x(cutoff), width: width - x(cutoff) })
      best.style.display = answer === undefined ? "none" : ""
      if (answer !== undefined) {
        set(mark, { transform: `translate(${x(answer)})` })
        set(cheapest, { x: inside(x(answer), cheapest.textContent) })
      }
      tell()
    }
    return { draw, show }
  }

  // Put a chart of one rate against another into a part, and a mark where the cutoff is on it.
  const rates = (part, title, across, up) => {
    const LEFT = 36, TOP = 22, RIGHT = 8
    const text = (anchor, ...words) => svg("text", { "text-anchor": anchor }, ...words)
    const nought = text("start", "0%"), all = text("end", "100%"), below = text("middle", across)
    const [axes, chance, curve] = ["axes", "chance", "curve"].map(name => svg("path", { class: name }))
    const mark = svg("circle", { r: 5 })
    const drawing = svg("svg", { role: "img" }, svg("text", { x: LEFT, y: 12 }, up),
      svg("text", { x: LEFT - 5, y: TOP + 9, "text-anchor": "end" }, "100%"),
      nought, all, below, axes, chance, curve, mark)
    part.append(html("figure", {}, html("figcaption", {}, title), drawing))

    let size
    const x = rate => LEFT + rate * (size - LEFT - RIGHT)
    const y = rate => TOP + (1 - rate) * (size - LEFT - RIGHT)
    const line = points => `M${points.map(([a, b]) => `${x(a).toFixed(1)} ${y(b).toFixed(1)}`).join("L")}`
    const draw = (wide, points, base) => {
      size = wide
      set(drawing, { viewBox: `0 0 ${size} ${y(0) + 34}` })
      set(nought, { x: x(0), y: y(0) + 15 })
      set(all, { x: x(1), y: y(0) + 15 })
      set(below, { x: x(0.5), y: y(0) + 29 })
      set(axes, { d: line([[0, 1], [0, 0], [1, 0]]) })
      set(chance, { d: line(base) })
      set(curve, { d: line(points) })
    }
    const show = (a, b, words) => {
      mark.style.display = b === undefined ? "none" : ""
      if (b !== undefined) set(mark, { cx: x(a), cy: y(b) })
      set(drawing, { "aria-label": `${title}. ${words}` })
    }
    return { draw, show }
  }

  explorables.charts = { histogram, rates }
}
